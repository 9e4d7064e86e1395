// SPDX-License-Identifier: MIT
// Why a run, and each of its jobs, started or not.
#include "daemon/control/api.hpp"
#include "daemon/control/api_internal.hpp"
#include "daemon/control/db_thread.hpp"
#include "daemon/control/explain.hpp"

#include <nlohmann/json.hpp>

namespace gantry::daemon::control {
namespace {

using core::Errc;
using core::Exception;
using http::Response;
using nlohmann::json;
using storage::Database;

json read_explanation(Database& d, core::RunId id) {
  const auto row = storage::find_run(d, id);
  if (!row) {
    throw Exception(Errc::not_found,
                    "looking for run '" + std::to_string(id.value) + "': no such run");
  }
  const auto workflow = storage::find_workflow(d, row->workflow);
  StoredRun run{*row, storage::run_input(d, id), workflow ? workflow->path : "",
                storage::jobs_of_run(d, id)};
  json answer = explain_run(run);
  answer["id"] = id.value;
  answer["event"] = row->event;
  answer["workflow"] = run.workflow_path;
  answer["concurrency"] = row->concurrency_group.empty() ? json() : json(row->concurrency_group);
  answer["delivery"] = nullptr;
  if (!row->delivery) return answer;
  if (const auto delivery = storage::find_delivery(d, *row->delivery)) {
    answer["delivery"] = delivery->guid;
    for (const json& decision : json::parse(delivery->decisions, nullptr, false)) {
      if (decision.value("workflow", "") == run.workflow_path) answer["decision"] = decision;
    }
  }
  return answer;
}

}  // namespace

async::Task<Response> Api::own_explain(http::Request& request) {
  const core::RunId id{number_of(request.param("run"), "run")};
  json answer = co_await conductor_.db().read([&](Database& d) { return read_explanation(d, id); });
  for (json& job : answer["jobs"]) {
    if (!job.contains("id")) continue;
    const auto hold = conductor_.why_waiting(core::JobId{job["id"].get<std::int64_t>()});
    if (!hold.reason.empty()) job["reason"] = hold.reason;
  }
  co_return http::json_response(200, answer.dump());
}

}  // namespace gantry::daemon::control
