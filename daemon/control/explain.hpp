// SPDX-License-Identifier: MIT
// What is stored of a run → why it and its jobs started or not, as JSON. Works everything out
// again by the run machine; nothing is kept for it.
#pragma once

#include "storage/jobs.hpp"
#include "storage/runs.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

namespace gantry::daemon::control {

struct StoredRun {
  storage::Run row;
  storage::RunInput input;
  std::string workflow_path;
  std::vector<storage::Job> jobs;  // of the newest attempt
};

// {"reason", "jobs": [{id, name, needs, if: {text, holds, tree}, labels, concurrency, …}]}
nlohmann::json explain_run(const StoredRun& run);

}  // namespace gantry::daemon::control
