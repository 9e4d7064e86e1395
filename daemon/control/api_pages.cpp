// SPDX-License-Identifier: MIT
// The pages that checks lead to, at GitHub's own paths; only reading.
#include "core/base/log.hpp"
#include "daemon/control/api.hpp"
#include "daemon/control/api_internal.hpp"
#include "daemon/control/db_thread.hpp"
#include "daemon/control/pages.hpp"
#include "storage/log_store.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace gantry::daemon::control {
namespace {

using http::Request;
using http::Response;
using nlohmann::json;

// Of each step: its end is what one looks for.
constexpr std::uint64_t kLinesShown = 500;
constexpr std::uint64_t kBytesShown = 256 << 10;
constexpr std::size_t kStepsShown = 200;

LogPiece read_step(storage::LogReader& reader, const json& step) {
  LogPiece piece;
  if (!step["log_first"].is_number()) return piece;
  const auto first = step["log_first"].get<std::uint64_t>();
  const std::uint64_t end =
      step["log_end"].is_number() ? step["log_end"].get<std::uint64_t>() : reader.size().lines;
  if (end <= first) return piece;
  const std::uint64_t from = std::max(first, end - std::min(end, kLinesShown));
  piece.skipped = from - first;
  piece.text = reader.read_lines(from, end - from, kBytesShown);
  return piece;
}

std::vector<LogPiece> read_steps(const storage::Layout& layout, core::JobId owner,
                                 const json& steps) {
  std::vector<LogPiece> logs(steps.size());
  auto reader = storage::LogReader::open(layout, owner);
  if (!reader) return logs;
  for (std::size_t i = 0; i < std::min(steps.size(), kStepsShown); ++i) {
    logs[i] = read_step(*reader, steps[i]);
  }
  return logs;
}

}  // namespace

http::Handler Api::paged(Method method) {
  return [this, answer = guarded(method)](Request& request) -> async::Task<Response> {
    Response response = co_await answer(request);
    if (response.status < 400) co_return response;
    const auto* body = std::get_if<std::string>(&response.body);
    const json error = json::parse(body != nullptr ? *body : "", nullptr, false);
    std::string message = error.is_object() ? error.value("message", "") : "";
    if (response.status == 401) {
      message =
          "Give a token of listen.api_tokens_file as the password; any user name will do. Or look "
          "with `gantry view` on the machine itself.";
    }
    Response made = html_response(response.status, error_page(response.status, message));
    if (response.status == 401) made.headers.set("WWW-Authenticate", "Basic realm=\"Gantry\"");
    co_return made;
  };
}

void Api::add_pages(http::Router& router) {
  router.add("GET", "/", paged(&Api::page_of_runs));
  router.add("GET", "/{owner}/{repo}/actions/runs/{run}", paged(&Api::page_of_run));
  router.add("GET", "/{owner}/{repo}/actions/runs/{run}/job/{job}", paged(&Api::page_of_job));
}

async::Task<Response> Api::page_of_runs(Request& request) {
  const Response answer = co_await own_runs(request);
  co_return html_response(200, runs_page(json::parse(std::get<std::string>(answer.body))));
}

async::Task<Response> Api::page_of_run(Request& request) {
  const storage::Repository repo = co_await repository_of(request);
  const storage::Run run = co_await run_of(request);
  check_owner(run, repo);
  const std::string shown = co_await run_json(run.id, 0);
  co_return html_response(200, run_page(json::parse(shown)));
}

async::Task<Response> Api::page_of_job(Request& request) {
  const storage::Repository repo = co_await repository_of(request);
  const storage::Run run = co_await run_of(request);
  check_owner(run, repo);
  const core::JobId id{number_of(request.param("job"), "job")};
  const auto row =
      co_await conductor_.db().read([&](storage::Database& d) { return storage::find_job(d, id); });
  if (!row || row->run != run.id) throw core::Exception(core::Errc::not_found, "Not Found");
  const std::string text = co_await run_json(run.id, row->attempt);
  const json shown = json::parse(text);
  const auto& jobs = shown.at("jobs");
  const auto job = std::find_if(jobs.begin(), jobs.end(),
                                [&](const json& item) { return item["id"] == id.value; });
  if (job == jobs.end()) throw core::Exception(core::Errc::not_found, "Not Found");
  const auto logs = co_await async::offload(
      runtime_.pool(), [&] { return read_steps(layout_, row->log_owner(), job->at("steps")); });
  co_return html_response(200, job_page(shown, *job, logs));
}

}  // namespace gantry::daemon::control
