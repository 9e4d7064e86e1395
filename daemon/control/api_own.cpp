// SPDX-License-Identifier: MIT
// Our own API: what the CLI and the page use, across repositories.
#include "daemon/control/api.hpp"
#include "daemon/control/api_internal.hpp"
#include "daemon/control/db_thread.hpp"
#include "proto/version.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace gantry::daemon::control {
namespace {

using core::Errc;
using core::Exception;
using http::Request;
using http::Response;
using nlohmann::json;
using storage::Database;

constexpr int kAnnotationsShown = 100;

json delivery_json(Database& d, const storage::Delivery& delivery) {
  json runs = json::array();
  for (const storage::Run& run : storage::runs_of_delivery(d, delivery.id)) {
    runs.push_back(run.id.value);
  }
  return {{"id", delivery.id.value},
          {"guid", delivery.guid},
          {"event", delivery.event},
          {"action", delivery.action},
          {"state", storage::to_string(delivery.state)},
          {"reason", delivery.reason},
          {"decisions", json::parse(delivery.decisions, nullptr, false)},
          {"received_at", core::to_iso8601_millis(delivery.received_at)},
          {"runs", std::move(runs)}};
}

int limit_of(const Request& request) {
  const std::string text = request.query_value("limit").value_or("30");
  int limit = 30;
  std::from_chars(text.data(), text.data() + text.size(), limit);
  return std::clamp(limit, 1, 1000);
}

// The filter of a list across repositories; false when it can match nothing.
bool fill_filter(Database& d, const Request& request, storage::RunFilter& filter) {
  filter.event = request.query_value("event");
  filter.branch = request.query_value("branch");
  filter.actor = request.query_value("actor");
  filter.head_sha = request.query_value("head_sha");
  filter.status = request.query_value("status");
  if (const auto before = request.query_value("before")) {
    filter.before = core::RunId{number_of(*before, "run")};
  }
  const auto repo_name = request.query_value("repo");
  if (repo_name) {
    const auto repo = storage::find_repository(d, *repo_name);
    if (!repo) return false;
    filter.repo = repo->id;
  }
  const auto workflow_name = request.query_value("workflow");
  if (!workflow_name) return true;
  if (!filter.repo) {
    throw Exception(Errc::invalid, "'workflow' needs 'repo': the same name can be in several");
  }
  auto workflow = storage::find_workflow(d, filter.repo, *workflow_name);
  if (!workflow) {
    storage::Page page;
    page.size = 100;
    for (auto& item : storage::list_workflows(d, filter.repo, page).workflows) {
      if (item.name == *workflow_name) workflow = item;
    }
  }
  if (!workflow) return false;
  filter.workflow = workflow->id;
  return true;
}

}  // namespace

async::Task<Response> Api::own_runs(Request& request) {
  const int limit = limit_of(request);
  const std::string body = co_await conductor_.db().read([&](Database& d) {
    storage::RunFilter filter;
    json runs = json::array();
    bool more = fill_filter(d, request, filter);
    while (more && runs.size() < static_cast<std::size_t>(limit)) {
      storage::Page page;
      page.size = std::min(100, limit - static_cast<int>(runs.size()));
      const auto list = storage::newest_runs(d, filter, page.size);
      for (const storage::Run& run : list) {
        runs.push_back(
            own_run(run, storage::find_repository(d, run.repo).value_or(storage::Repository())));
        filter.before = run.id;
      }
      more = list.size() == static_cast<std::size_t>(page.size);
    }
    json answer = {{"runs", std::move(runs)}};
    if (more && filter.before) answer["before"] = filter.before->value;
    return answer.dump();
  });
  co_return http::json_response(200, body);
}

async::Task<std::string> Api::run_json(core::RunId id, int attempt) {
  json answer = co_await conductor_.db().read([&](Database& d) {
    const auto run = storage::find_run(d, id);
    if (!run) {
      throw Exception(Errc::not_found,
                      "looking for run '" + std::to_string(id.value) + "': no such run");
    }
    json made =
        own_run(*run, storage::find_repository(d, run->repo).value_or(storage::Repository()));
    json jobs = json::array();
    for (const storage::Job& job : storage::jobs_of_run(d, id, attempt)) {
      jobs.push_back(own_job(job, storage::steps_of_job(d, job.id),
                             storage::annotations_of_job(d, job.id, 0, kAnnotationsShown)));
    }
    made["jobs"] = std::move(jobs);
    return made;
  });
  // What only the scheduler knows: why a job waits.
  for (json& job : answer["jobs"]) {
    const core::JobId job_id{job["id"].get<std::int64_t>()};
    if (job["status"] == "completed" || job["status"] == "in_progress") continue;
    const auto hold = conductor_.why_waiting(job_id);
    if (!hold.reason.empty()) job["reason"] = hold.reason;
  }
  co_return answer.dump();
}

async::Task<Response> Api::own_get_run(Request& request) {
  const core::RunId id{number_of(request.param("run"), "run")};
  const auto attempt = request.query_value("attempt");
  const int number = attempt ? static_cast<int>(number_of(*attempt, "attempt")) : 0;
  co_return http::json_response(200, co_await run_json(id, number));
}

async::Task<Response> Api::own_get_job(Request& request) {
  const core::JobId id{number_of(request.param("job"), "job")};
  const std::string body = co_await conductor_.db().read([&](Database& d) {
    const auto job = storage::find_job(d, id);
    if (!job) {
      throw Exception(Errc::not_found,
                      "looking for job '" + std::to_string(id.value) + "': no such job");
    }
    return own_job(*job, storage::steps_of_job(d, id), storage::annotations_of_job(d, id)).dump();
  });
  co_return http::json_response(200, body);
}

async::Task<Response> Api::own_cancel(Request& request) {
  const storage::Run run = co_await run_of(request);
  co_await conductor_.cancel(run.id, "The run was canceled by " + actor_of(request) + ".");
  co_return http::json_response(202, "{}");
}

async::Task<Response> Api::own_rerun(Request& request) {
  const storage::Run run = co_await run_of(request);
  const json body = body_of(request);
  auto scope = core::run::RerunScope::all;
  core::JobId job;
  if (body.value("failed_only", false)) scope = core::run::RerunScope::failed;
  if (body.contains("job_id") && body["job_id"].is_number_integer()) {
    scope = core::run::RerunScope::one_job;
    job.value = body["job_id"].get<std::int64_t>();
  }
  co_await conductor_.rerun(run.id, scope, job, actor_of(request));
  co_return http::json_response(201, co_await run_json(run.id, 0));
}

async::Task<Response> Api::own_review(Request& request) {
  const storage::Run run = co_await run_of(request);
  const json body = body_of(request);
  Conductor::ReviewWanted wanted;
  wanted.names = names_of(request);
  const json verdict = body.value("verdict", json("approved"));
  const bool is_word = verdict.is_string() && parse(verdict.get<std::string>(), wanted.verdict);
  if (!is_word) throw Exception(Errc::invalid, "'verdict' must be approved or rejected");
  const json environments = body.value("environments", json::array());
  for (const json& name : environments) {
    if (!name.is_string()) throw Exception(Errc::invalid, "'environments' must hold names");
    wanted.environments.push_back(name.get<std::string>());
  }
  const json comment = body.value("comment", json(""));
  if (comment.is_string()) wanted.comment = comment.get<std::string>();
  co_await conductor_.review(run.id, std::move(wanted));
  co_return http::json_response(201, co_await run_json(run.id, 0));
}

async::Task<Response> Api::own_delivery(Request& request) {
  const std::string guid(request.param("guid"));
  const std::string body = co_await conductor_.db().read([&](Database& d) {
    const auto delivery = storage::find_delivery(d, guid);
    if (!delivery) {
      throw Exception(Errc::not_found, "looking for delivery '" + guid + "': no such delivery");
    }
    return delivery_json(d, *delivery).dump();
  });
  co_return http::json_response(200, body);
}

async::Task<Response> Api::own_deliveries(Request& request) {
  const int limit = limit_of(request);
  core::DeliveryId before;
  if (const auto text = request.query_value("before")) before.value = number_of(*text, "delivery");
  const std::string body = co_await conductor_.db().read([&](Database& d) {
    json list = json::array();
    for (const auto& item : storage::list_deliveries(d, before, limit)) {
      list.push_back(delivery_json(d, item));
    }
    return json{{"deliveries", std::move(list)}}.dump();
  });
  co_return http::json_response(200, body);
}

async::Task<Response> Api::own_status(Request&) {
  const auto load = conductor_.load();
  const json answer = {
      {"version", proto::product_version()},
      {"jobs", {{"running", load.running}, {"waiting", load.waiting}, {"held", load.held}}},
      {"runs_waiting", load.runs_waiting}};
  co_return http::json_response(200, answer.dump());
}

}  // namespace gantry::daemon::control
