// SPDX-License-Identifier: MIT
#include "daemon/control/views.hpp"

#include "daemon/control/job_message.hpp"
#include "daemon/control/run_rows.hpp"

#include <nlohmann/json.hpp>

namespace gantry::daemon::control {
namespace {

using nlohmann::json;

json time_of(const std::optional<core::Timestamp>& time) {
  return time ? json(core::to_iso8601(*time)) : json();
}
json exact_time_of(const std::optional<core::Timestamp>& time) {
  return time ? json(core::to_iso8601_millis(*time)) : json();
}
json word_of(const std::optional<core::run::Conclusion>& conclusion) {
  return conclusion ? json(core::run::to_string(*conclusion)) : json();
}
json word_of(core::run::Status status) {
  return core::run::to_string(status);
}

std::string node_id(const char* kind, std::int64_t id) {
  return std::string(kind) + "_" + std::to_string(id);
}

json user(const std::string& login, const ViewBase& base) {
  const std::string url = base.api + "/users/" + login;
  json made = {
      {"login", login},     {"id", 0},    {"node_id", node_id("U", 0)},         {"avatar_url", ""},
      {"gravatar_id", ""},  {"url", url}, {"html_url", base.web + "/" + login}, {"type", "User"},
      {"site_admin", false}};
  for (const char* name :
       {"followers", "subscriptions", "organizations", "repos", "received_events"}) {
    made[std::string(name) + "_url"] = url + "/" + name;
  }
  made["following_url"] = url + "/following{/other_user}";
  made["gists_url"] = url + "/gists{/gist_id}";
  made["starred_url"] = url + "/starred{/owner}{/repo}";
  made["events_url"] = url + "/events{/privacy}";
  return made;
}

json head_commit(const storage::Run& run) {
  const json stored = json::parse(run.head_commit, nullptr, false);
  const auto text = [&](const json& object, const char* key) {
    return object.is_object() && object.contains(key) && object[key].is_string()
               ? object[key].get<std::string>()
               : std::string();
  };
  const auto person = [&](const char* key) {
    const json who = stored.is_object() && stored.contains(key) ? stored[key] : json::object();
    return json{{"name", text(who, "name")}, {"email", text(who, "email")}};
  };
  std::string time = text(stored, "timestamp");
  if (time.empty()) time = core::to_iso8601(run.created_at);
  return {{"id", run.head_sha},
          {"tree_id", text(stored, "tree_id")},
          {"message", text(stored, "message")},
          {"timestamp", time},
          {"author", person("author")},
          {"committer", person("committer")}};
}

json pull_requests(const storage::Run& run) {
  if (!run.pull_request) return json::array();
  return json::array({{{"number", *run.pull_request}, {"head", {{"sha", run.head_sha}}}}});
}

std::string repo_url(const storage::Repository& repo, const ViewBase& base) {
  return base.api + "/repos/" + repo.full_name;
}

}  // namespace

json github_repository(const storage::Repository& repo, const ViewBase& base) {
  const std::size_t slash = repo.full_name.find('/');
  const std::string url = repo_url(repo, base);
  json made = {{"id", repo.github_id.value_or(repo.id.value)},
               {"node_id", node_id("R", repo.id.value)},
               {"name", repo.full_name.substr(slash + 1)},
               {"full_name", repo.full_name},
               {"owner", user(repo.full_name.substr(0, slash), base)},
               {"private", repo.is_private},
               {"html_url", base.web + "/" + repo.full_name},
               {"description", json()},
               {"fork", false},
               {"url", url},
               {"default_branch", repo.default_branch}};
  for (const char* name :
       {"contributors", "deployments", "downloads", "events", "forks", "hooks", "languages",
        "merges", "stargazers", "subscribers", "subscription", "tags", "teams"}) {
    made[std::string(name) + "_url"] = url + "/" + name;
  }
  static const std::pair<const char*, const char*> kTemplates[] = {
      {"archive_url", "/{archive_format}{/ref}"},
      {"assignees_url", "/assignees{/user}"},
      {"blobs_url", "/git/blobs{/sha}"},
      {"branches_url", "/branches{/branch}"},
      {"collaborators_url", "/collaborators{/collaborator}"},
      {"comments_url", "/comments{/number}"},
      {"commits_url", "/commits{/sha}"},
      {"compare_url", "/compare/{base}...{head}"},
      {"contents_url", "/contents/{+path}"},
      {"git_commits_url", "/git/commits{/sha}"},
      {"git_refs_url", "/git/refs{/sha}"},
      {"git_tags_url", "/git/tags{/sha}"},
      {"issue_comment_url", "/issues/comments{/number}"},
      {"issue_events_url", "/issues/events{/number}"},
      {"issues_url", "/issues{/number}"},
      {"keys_url", "/keys{/key_id}"},
      {"labels_url", "/labels{/name}"},
      {"milestones_url", "/milestones{/number}"},
      {"notifications_url", "/notifications{?since,all,participating}"},
      {"pulls_url", "/pulls{/number}"},
      {"releases_url", "/releases{/id}"},
      {"statuses_url", "/statuses/{sha}"},
      {"trees_url", "/git/trees{/sha}"}};
  for (const auto& [name, path] : kTemplates)
    made[name] = url + path;
  return made;
}

json github_run(const storage::Run& run, const storage::Repository& repo,
                const std::string& workflow_path, const ViewBase& base) {
  const std::string url = repo_url(repo, base) + "/actions/runs/" + std::to_string(run.id.value);
  const std::string workflow_url =
      repo_url(repo, base) + "/actions/workflows/" + std::to_string(run.workflow.value);
  const json repository = github_repository(repo, base);
  return {
      {"id", run.id.value},
      {"name", run.workflow_name},
      {"node_id", node_id("WFR", run.id.value)},
      {"check_suite_id", run.id.value},
      {"check_suite_node_id", node_id("CS", run.id.value)},
      {"head_branch", run.head_branch},
      {"head_sha", run.head_sha},
      {"path", workflow_path},
      {"run_number", run.run_number},
      {"run_attempt", run.attempt},
      {"event", run.event},
      {"display_title", run.display_title},
      {"status", word_of(run.status)},
      {"conclusion", word_of(run.conclusion)},
      {"workflow_id", run.workflow.value},
      {"url", url},
      {"html_url",
       base.web + "/" + repo.full_name + "/actions/runs/" + std::to_string(run.id.value)},
      {"pull_requests", pull_requests(run)},
      {"created_at", core::to_iso8601(run.created_at)},
      {"updated_at", core::to_iso8601(run.updated_at)},
      {"run_started_at", core::to_iso8601(run.started_at.value_or(run.created_at))},
      {"actor", user(run.actor, base)},
      {"triggering_actor", user(run.triggering_actor, base)},
      {"jobs_url", url + "/jobs"},
      {"logs_url", url + "/logs"},
      {"check_suite_url", repo_url(repo, base) + "/check-suites/" + std::to_string(run.id.value)},
      {"artifacts_url", url + "/artifacts"},
      {"cancel_url", url + "/cancel"},
      {"rerun_url", url + "/rerun"},
      {"previous_attempt_url",
       run.attempt > 1 ? json(url + "/attempts/" + std::to_string(run.attempt - 1)) : json()},
      {"workflow_url", workflow_url},
      {"head_commit", head_commit(run)},
      {"repository", repository},
      {"head_repository", repository},
      {"referenced_workflows", json::array()}};
}

json github_job(const storage::Job& job, const std::vector<storage::Step>& steps,
                const storage::Run& run, const storage::Repository& repo, const ViewBase& base) {
  const std::string id = std::to_string(job.id.value);
  json list = json::array();
  for (const storage::Step& step : steps) {
    list.push_back({{"name", step.name},
                    {"status", core::run::to_string(step.status)},
                    {"conclusion", word_of(step.conclusion)},
                    {"number", step.number},
                    {"started_at", exact_time_of(step.started_at)},
                    {"completed_at", exact_time_of(step.completed_at)}});
  }
  const bool has_runner = !job.runner_name.empty();
  const std::string run_url =
      repo_url(repo, base) + "/actions/runs/" + std::to_string(run.id.value);
  return {{"id", job.id.value},
          {"run_id", run.id.value},
          {"run_url", run_url},
          {"run_attempt", job.attempt},
          {"node_id", node_id("CR", job.id.value)},
          {"head_sha", run.head_sha},
          {"head_branch", run.head_branch},
          {"workflow_name", run.workflow_name},
          {"url", repo_url(repo, base) + "/actions/jobs/" + id},
          {"html_url", base.web + "/" + repo.full_name + "/actions/runs/" +
                           std::to_string(run.id.value) + "/job/" + id},
          {"status", word_of(job.status)},
          {"conclusion", word_of(job.conclusion)},
          {"created_at", core::to_iso8601(job.created_at)},
          {"started_at", core::to_iso8601(job.started_at.value_or(job.created_at))},
          {"completed_at", time_of(job.completed_at)},
          {"name", job.name},
          {"steps", list},
          {"check_run_url", repo_url(repo, base) + "/check-runs/" + id},
          {"labels", decode_strings(job.labels)},
          {"runner_id", has_runner ? json(1) : json()},
          {"runner_name", has_runner ? json(job.runner_name) : json()},
          {"runner_group_id", has_runner ? json(1) : json()},
          {"runner_group_name", has_runner ? json("Default") : json()}};
}

json github_workflow(const storage::Workflow& workflow, const storage::Repository& repo,
                     const ViewBase& base) {
  const std::string url =
      repo_url(repo, base) + "/actions/workflows/" + std::to_string(workflow.id.value);
  const std::string file = workflow.path.substr(workflow.path.rfind('/') + 1);
  return {
      {"id", workflow.id.value},
      {"node_id", node_id("W", workflow.id.value)},
      {"name", workflow.name},
      {"path", workflow.path},
      {"state", storage::to_string(workflow.state)},
      {"created_at", core::to_iso8601(workflow.created_at)},
      {"updated_at", core::to_iso8601(workflow.updated_at)},
      {"url", url},
      {"html_url", base.web + "/" + repo.full_name + "/actions/workflows/" + file},
      {"badge_url", base.web + "/" + repo.full_name + "/actions/workflows/" + file + "/badge.svg"}};
}

json own_run(const storage::Run& run, const storage::Repository& repo) {
  return {{"id", run.id.value},
          {"number", run.run_number},
          {"attempt", run.attempt},
          {"repository", repo.full_name},
          {"workflow", run.workflow_name},
          {"title", run.display_title},
          {"event", run.event},
          {"branch", run.head_branch},
          {"sha", run.head_sha},
          {"actor", run.actor},
          {"triggering_actor", run.triggering_actor},
          {"trust", storage::to_string(run.trust)},
          {"status", word_of(run.status)},
          {"conclusion", word_of(run.conclusion)},
          {"reason", run.details},
          {"created_at", exact_time_of(run.created_at)},
          {"started_at", exact_time_of(run.started_at)},
          {"completed_at", exact_time_of(run.completed_at)}};
}

json own_job(const storage::Job& job, const std::vector<storage::Step>& steps,
             const std::vector<storage::Annotation>& annotations) {
  json made = {{"id", job.id.value},
               {"run_id", job.run.value},
               {"attempt", job.attempt},
               {"key", job.key},
               {"name", job.name},
               {"status", word_of(job.status)},
               {"conclusion", word_of(job.conclusion)},
               {"reason", job.details},
               {"labels", decode_strings(job.labels)},
               {"outputs", json::parse(job.outputs, nullptr, false)},
               {"log_lines", job.log_lines},
               {"created_at", exact_time_of(job.created_at)},
               {"started_at", exact_time_of(job.started_at)},
               {"completed_at", exact_time_of(job.completed_at)},
               {"steps", json::array()},
               {"annotations", json::array()}};
  for (const storage::Step& step : steps) {
    made["steps"].push_back({{"number", step.number},
                             {"name", step.name},
                             {"status", core::run::to_string(step.status)},
                             {"conclusion", word_of(step.conclusion)},
                             {"outcome", word_of(step.outcome)},
                             {"started_at", exact_time_of(step.started_at)},
                             {"completed_at", exact_time_of(step.completed_at)},
                             {"log_first", step.log_first ? json(*step.log_first) : json()},
                             {"log_end", step.log_end ? json(*step.log_end) : json()}});
  }
  for (const storage::Annotation& item : annotations) {
    made["annotations"].push_back({{"level", storage::to_string(item.level)},
                                   {"path", item.path},
                                   {"start_line", item.start_line},
                                   {"end_line", item.end_line},
                                   {"title", item.title},
                                   {"message", item.message},
                                   {"step", item.step ? json(*item.step) : json()}});
  }
  return made;
}

}  // namespace gantry::daemon::control
