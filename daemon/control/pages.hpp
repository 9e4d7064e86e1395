// SPDX-License-Identifier: MIT
// Runs and jobs as HTML, from the JSON of our own API (docs/openapi.yaml: Run, Job). The pages have
// no scripts and load nothing; all that comes from repositories and jobs is escaped. A page of
// what still runs asks the browser to load it again.
#pragma once

#include "daemon/http/message.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace gantry::daemon::control {

// A job's log from line `first` (from 0) on, with the stamps; `skipped` lines of the step stand
// before it and are not shown.
struct LogPiece {
  std::string text;
  std::uint64_t skipped = 0;
};

std::string runs_page(const nlohmann::json& runs);  // the answer of GET /api/gantry/v1/runs
std::string run_page(const nlohmann::json& run);
// `logs`: of each of the job's steps, in their order.
std::string job_page(const nlohmann::json& run, const nlohmann::json& job,
                     const std::vector<LogPiece>& logs);
std::string error_page(int status, std::string_view message);

// With the headers that keep a page from loading, framing or sending anything.
http::Response html_response(int status, std::string html);

std::string escape_html(std::string_view text);  // also for attributes; control characters go

}  // namespace gantry::daemon::control
