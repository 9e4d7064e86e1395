// SPDX-License-Identifier: MIT
// GitHub's Actions REST API, the part that gh and octokit use for runs, jobs and workflows.
#include "core/base/text.hpp"
#include "daemon/control/api.hpp"
#include "daemon/control/api_internal.hpp"
#include "daemon/control/db_thread.hpp"
#include "daemon/control/schedules.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace gantry::daemon::control {
namespace {

constexpr std::size_t kMaxEventType = 100, kMaxClientMembers = 10, kMaxClientPayload = 65535;

using core::Errc;
using core::Exception;
using http::Request;
using http::Response;
using nlohmann::json;
using storage::Database;

int query_number(const Request& request, const char* name, int fallback, int most) {
  const auto text = request.query_value(name);
  if (!text) return fallback;
  int number = 0;
  std::from_chars(text->data(), text->data() + text->size(), number);
  return std::clamp(number, 1, most);
}

// GitHub's Link header: clients follow it, they do not count.
void add_links(Response& response, const Request& request, const ViewBase& base,
               const storage::Page& page, std::int64_t total) {
  const std::int64_t last = std::max<std::int64_t>(1, (total + page.size - 1) / page.size);
  std::string rest;
  for (const auto& [name, value] : http::parse_form(request.query)) {
    if (name != "page") {
      rest += "&" + http::percent_encode(name) + "=" + http::percent_encode(value);
    }
  }
  std::string path = request.path;
  if (path.starts_with("/api/v3/")) path = path.substr(7);
  std::string links;
  const auto add = [&](std::int64_t number, const char* relation) {
    if (!links.empty()) links += ", ";
    links += "<" + base.api + path + "?page=" + std::to_string(number) + rest + ">; rel=\"" +
             relation + "\"";
  };
  if (page.number > 1) add(page.number - 1, "prev");
  if (page.number < last) add(page.number + 1, "next");
  if (page.number < last) add(last, "last");
  if (page.number > 1) add(1, "first");
  if (!links.empty()) response.headers.set("Link", links);
}

std::optional<core::Timestamp> time_bound(std::string_view text, bool is_end) {
  if (text.empty() || text == "*") return std::nullopt;
  std::string whole(text);
  if (whole.size() == 10) whole += is_end ? "T23:59:59Z" : "T00:00:00Z";
  const auto time = core::parse_iso8601(whole);
  if (!time) {
    throw Exception(Errc::invalid, "'created': '" + std::string(text) +
                                       "' is no date; expected 2026-01-31 or 2026-01-31T12:00:00Z");
  }
  return time;
}

// >=D, >D, <=D, <D, A..B or one day.
void apply_created(storage::RunFilter& filter, std::string_view text) {
  const std::size_t dots = text.find("..");
  if (dots != std::string_view::npos) {
    filter.created_from = time_bound(text.substr(0, dots), false);
    filter.created_to = time_bound(text.substr(dots + 2), true);
  } else if (text.starts_with(">=")) {
    filter.created_from = time_bound(text.substr(2), false);
  } else if (text.starts_with(">")) {
    filter.created_from = time_bound(text.substr(1), true);
    if (filter.created_from) *filter.created_from += std::chrono::milliseconds(1);
  } else if (text.starts_with("<=")) {
    filter.created_to = time_bound(text.substr(2), true);
  } else if (text.starts_with("<")) {
    filter.created_to = time_bound(text.substr(1), false);
    if (filter.created_to) *filter.created_to -= std::chrono::milliseconds(1);
  } else {
    filter.created_from = time_bound(text, false);
    filter.created_to = time_bound(text, true);
  }
}

storage::RunFilter filter_of(const Request& request) {
  storage::RunFilter filter;
  filter.event = request.query_value("event");
  filter.branch = request.query_value("branch");
  filter.actor = request.query_value("actor");
  filter.head_sha = request.query_value("head_sha");
  filter.status = request.query_value("status");
  if (const auto created = request.query_value("created")) apply_created(filter, *created);
  return filter;
}

std::optional<storage::Workflow> workflow_of(Database& d, core::RepoId repo,
                                             std::string_view text) {
  std::int64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec == std::errc() && parsed.ptr == text.data() + text.size()) {
    auto found = storage::find_workflow(d, core::WorkflowId{number});
    return found && found->repo == repo ? found : std::nullopt;
  }
  return storage::find_workflow(d, repo, text);
}

json run_list_json(Database& d, const storage::RunList& list, const storage::Repository& repo,
                   const ViewBase& base) {
  json runs = json::array();
  for (const storage::Run& run : list.runs) {
    const auto workflow = storage::find_workflow(d, run.workflow);
    runs.push_back(github_run(run, repo, workflow ? workflow->path : "", base));
  }
  return {{"total_count", list.total_count}, {"workflow_runs", std::move(runs)}};
}

Response nothing(int status) {
  return http::json_response(status, "{}");
}

}  // namespace

storage::Page page_of(const Request& request) {
  storage::Page page;
  page.number = query_number(request, "page", 1, 1 << 20);
  page.size = query_number(request, "per_page", 30, 100);
  return page;
}

void check_owner(const storage::Run& run, const storage::Repository& repo) {
  if (run.repo != repo.id) throw Exception(Errc::not_found, "Not Found");
}

async::Task<Response> Api::get_repository(Request& request) {
  const auto repo = co_await repository_of(request);
  co_return http::json_response(200, github_repository(repo, base_of(request)).dump());
}

async::Task<Response> Api::list_runs(Request& request) {
  const auto repo = co_await repository_of(request);
  storage::RunFilter filter = filter_of(request);
  filter.repo = repo.id;
  const storage::Page page = page_of(request);
  const ViewBase base = base_of(request);
  std::int64_t total = 0;
  const std::string body = co_await conductor_.db().read([&](Database& d) {
    const auto list = storage::list_runs(d, filter, page);
    total = list.total_count;
    return run_list_json(d, list, repo, base).dump();
  });
  Response response = http::json_response(200, body);
  add_links(response, request, base, page, total);
  co_return response;
}

async::Task<Response> Api::list_workflow_runs(Request& request) {
  const auto repo = co_await repository_of(request);
  storage::RunFilter filter = filter_of(request);
  filter.repo = repo.id;
  const storage::Page page = page_of(request);
  const ViewBase base = base_of(request);
  std::int64_t total = 0;
  const std::string body = co_await conductor_.db().read([&](Database& d) {
    const auto workflow = workflow_of(d, repo.id, request.param("workflow"));
    if (!workflow) throw Exception(Errc::not_found, "Not Found");
    filter.workflow = workflow->id;
    const auto list = storage::list_runs(d, filter, page);
    total = list.total_count;
    return run_list_json(d, list, repo, base).dump();
  });
  Response response = http::json_response(200, body);
  add_links(response, request, base, page, total);
  co_return response;
}

async::Task<Response> Api::get_run(Request& request) {
  const auto repo = co_await repository_of(request);
  storage::Run run = co_await run_of(request);
  check_owner(run, repo);
  const ViewBase base = base_of(request);
  const std::string attempt(request.param("attempt"));
  const std::string body = co_await conductor_.db().read([&](Database& d) {
    if (!attempt.empty()) {
      const auto number = number_of(attempt, "attempt");
      const auto attempts = storage::attempts_of_run(d, run.id);
      const auto found = std::find_if(attempts.begin(), attempts.end(),
                                      [&](const auto& item) { return item.number == number; });
      if (found == attempts.end()) throw Exception(Errc::not_found, "Not Found");
      run.attempt = found->number;
      run.status = found->status;
      run.conclusion = found->conclusion;
      run.triggering_actor = found->triggering_actor;
      run.started_at = found->started_at;
      run.completed_at = found->completed_at;
    }
    const auto workflow = storage::find_workflow(d, run.workflow);
    return github_run(run, repo, workflow ? workflow->path : "", base).dump();
  });
  co_return http::json_response(200, body);
}

async::Task<Response> Api::list_jobs(Request& request) {
  const auto repo = co_await repository_of(request);
  const storage::Run run = co_await run_of(request);
  check_owner(run, repo);
  const ViewBase base = base_of(request);
  const storage::Page page = page_of(request);
  const auto which = request.query_value("filter").value_or("latest") == "all"
                         ? storage::Attempts::all
                         : storage::Attempts::newest;
  const std::string attempt(request.param("attempt"));
  std::int64_t total = 0;
  const std::string body = co_await conductor_.db().read([&](Database& d) {
    storage::JobList list;
    if (attempt.empty()) {
      list = storage::list_jobs(d, run.id, which, page);
    } else {
      list.jobs = storage::jobs_of_run(d, run.id, static_cast<int>(number_of(attempt, "attempt")));
      list.total_count = static_cast<std::int64_t>(list.jobs.size());
    }
    total = list.total_count;
    json jobs = json::array();
    for (const storage::Job& job : list.jobs) {
      jobs.push_back(github_job(job, storage::steps_of_job(d, job.id), run, repo, base));
    }
    return json{{"total_count", total}, {"jobs", std::move(jobs)}}.dump();
  });
  Response response = http::json_response(200, body);
  add_links(response, request, base, page, total);
  co_return response;
}

async::Task<Response> Api::get_job(Request& request) {
  const auto repo = co_await repository_of(request);
  const core::JobId id{number_of(request.param("job"), "job")};
  const ViewBase base = base_of(request);
  const std::string body = co_await conductor_.db().read([&](Database& d) {
    const auto job = storage::find_job(d, id);
    const auto run = job ? storage::find_run(d, job->run) : std::nullopt;
    if (!run || run->repo != repo.id) throw Exception(Errc::not_found, "Not Found");
    return github_job(*job, storage::steps_of_job(d, id), *run, repo, base).dump();
  });
  co_return http::json_response(200, body);
}

// GitHub answers with a redirect to a short-lived address; the text itself is here.
async::Task<Response> Api::job_logs(Request& request) {
  co_await repository_of(request);
  const core::JobId id{number_of(request.param("job"), "job")};
  co_return co_await whole_log(id);
}

async::Task<Response> Api::list_workflows(Request& request) {
  const auto repo = co_await repository_of(request);
  const ViewBase base = base_of(request);
  const storage::Page page = page_of(request);
  std::int64_t total = 0;
  const std::string body = co_await conductor_.db().read([&](Database& d) {
    const auto list = storage::list_workflows(d, repo.id, page);
    total = list.total_count;
    json workflows = json::array();
    for (const auto& item : list.workflows)
      workflows.push_back(github_workflow(item, repo, base));
    return json{{"total_count", total}, {"workflows", std::move(workflows)}}.dump();
  });
  Response response = http::json_response(200, body);
  add_links(response, request, base, page, total);
  co_return response;
}

async::Task<Response> Api::get_workflow(Request& request) {
  const auto repo = co_await repository_of(request);
  const ViewBase base = base_of(request);
  const std::string body = co_await conductor_.db().read([&](Database& d) {
    const auto workflow = workflow_of(d, repo.id, request.param("workflow"));
    if (!workflow) throw Exception(Errc::not_found, "Not Found");
    return github_workflow(*workflow, repo, base).dump();
  });
  co_return http::json_response(200, body);
}

async::Task<Response> Api::cancel_run(Request& request) {
  const auto repo = co_await repository_of(request);
  const storage::Run run = co_await run_of(request);
  check_owner(run, repo);
  co_await conductor_.cancel(run.id, "The run was canceled by " + actor_of(request) + ".");
  co_return nothing(202);
}

async::Task<Response> Api::rerun_run(Request& request) {
  const auto repo = co_await repository_of(request);
  const storage::Run run = co_await run_of(request);
  check_owner(run, repo);
  co_await conductor_.rerun(run.id, core::run::RerunScope::all, core::JobId(), actor_of(request));
  co_return nothing(201);
}

async::Task<Response> Api::rerun_failed(Request& request) {
  const auto repo = co_await repository_of(request);
  const storage::Run run = co_await run_of(request);
  check_owner(run, repo);
  co_await conductor_.rerun(run.id, core::run::RerunScope::failed, core::JobId(),
                            actor_of(request));
  co_return nothing(201);
}

async::Task<Response> Api::rerun_job(Request& request) {
  const auto repo = co_await repository_of(request);
  const core::JobId id{number_of(request.param("job"), "job")};
  const auto run = co_await conductor_.db().read([&](Database& d) {
    const auto job = storage::find_job(d, id);
    return job ? storage::find_run(d, job->run) : std::nullopt;
  });
  if (!run || run->repo != repo.id) throw Exception(Errc::not_found, "Not Found");
  co_await conductor_.rerun(run->id, core::run::RerunScope::one_job, id, actor_of(request));
  co_return nothing(201);
}

async::Task<Response> Api::dispatch(Request& request) {
  // A repository may be dispatched to before its first webhook: the config allows it.
  const std::string name =
      std::string(request.param("owner")) + "/" + std::string(request.param("repo"));
  if (settings_.get()->config.find_repository(name) == nullptr) {
    throw Exception(Errc::not_found,
                    "repository '" + name + "' is not allowed here; add it to 'repositories'");
  }
  const json body = body_of(request);
  if (!body.contains("ref") || !body["ref"].is_string()) {
    throw Exception(Errc::invalid, "Invalid request. \"ref\" wasn't supplied.");
  }
  Intake::Dispatch wanted;
  const core::Timestamp now = conductor_.clock().now();
  const std::string clone_url = settings_.get()->clone_url_of(name);
  wanted.repo = co_await conductor_.db().write([&](Database& d) {
    auto found = storage::find_repository(d, name);
    if (found) return *found;
    storage::Repository row;
    row.full_name = name;
    row.clone_url = clone_url;
    return *storage::find_repository(d, put_repository(d, row, now));
  });
  std::string path(request.param("workflow"));
  const auto known = co_await conductor_.db().read(
      [&](Database& d) { return workflow_of(d, wanted.repo.id, path); });
  if (known) path = known->path;
  if (path.find('/') == std::string::npos) path = ".github/workflows/" + path;
  wanted.workflow_path = path;
  wanted.ref = body["ref"].get<std::string>();
  wanted.actor = actor_of(request);
  const json inputs = body.value("inputs", json::object());
  wanted.inputs = core::or_throw(core::expr::parse_json(inputs.dump()), "reading the inputs");
  if (body.contains("gantry")) {
    wanted.selection =
        core::or_throw(core::expr::parse_json(body["gantry"].dump()), "reading 'gantry'");
  }
  const core::RunId id = co_await intake_.dispatch(std::move(wanted));
  if (!body.value("return_run_details", false)) {
    Response response;
    response.status = 204;
    co_return response;
  }
  const ViewBase base = base_of(request);
  const std::string run_path = "/repos/" + name + "/actions/runs/" + std::to_string(id.value);
  const json answer = {
      {"workflow_run_id", id.value},
      {"run_url", base.api + run_path},
      {"html_url", base.web + "/" + name + "/actions/runs/" + std::to_string(id.value)}};
  co_return http::json_response(200, answer.dump());
}

// As GitHub's: what comes of it is a delivery like any other.
async::Task<Response> Api::repository_dispatch(Request& request) {
  const auto repo = co_await repository_of(request);
  const json body = body_of(request);
  const json type = body.value("event_type", json());
  const json client = body.value("client_payload", json::object());
  if (!type.is_string() || type.get<std::string>().empty() ||
      type.get<std::string>().size() > kMaxEventType) {
    throw Exception(Errc::invalid, "'event_type' must be a text of 1 to 100 characters");
  }
  if (!client.is_object() || client.size() > kMaxClientMembers ||
      client.dump().size() > kMaxClientPayload) {
    throw Exception(Errc::invalid,
                    "'client_payload' must be an object of at most 10 members and 65535 bytes");
  }
  auto payload = own_payload(repo, actor_of(request));
  payload.set("action", type.get<std::string>());
  payload.set("branch", repo.default_branch);
  payload.set("client_payload",
              core::or_throw(core::expr::parse_json(client.dump()), "reading 'client_payload'"));
  storage::Delivery delivery;
  delivery.guid = "gantry-dispatch-" + core::random_hex(16);
  delivery.event = "repository_dispatch";
  delivery.action = type.get<std::string>();
  delivery.repo = repo.id;
  delivery.payload = core::expr::to_json(core::expr::Value(std::move(payload)));
  delivery.received_at = conductor_.clock().now();
  co_await intake_.submit(std::move(delivery));
  Response response;
  response.status = 204;
  co_return response;
}

async::Task<Response> Api::check_annotations(Request& request) {
  co_await repository_of(request);
  const core::JobId id{number_of(request.param("job"), "check run")};
  const storage::Page page = page_of(request);
  const int before = (page.number - 1) * page.size;
  const auto rows = co_await conductor_.db().read(
      [&](Database& d) { return storage::annotations_of_job(d, id, before, page.size); });
  json list = json::array();
  for (const storage::Annotation& item : rows) {
    list.push_back({{"path", item.path},
                    {"start_line", item.start_line},
                    {"end_line", item.end_line},
                    {"start_column", item.start_column ? json(*item.start_column) : json()},
                    {"end_column", item.end_column ? json(*item.end_column) : json()},
                    {"annotation_level", storage::to_string(item.level)},
                    {"title", item.title},
                    {"message", item.message},
                    {"raw_details", item.raw_details},
                    {"blob_href", ""}});
  }
  co_return http::json_response(200, list.dump());
}

}  // namespace gantry::daemon::control
