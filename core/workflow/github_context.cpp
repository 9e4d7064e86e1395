// SPDX-License-Identifier: MIT
#include "core/workflow/github_context.hpp"

namespace gantry::core::workflow {

// All values are strings except `event` and `ref_protected`.
expr::Value github_context(const Event& event, const RunFacts& facts) {
  const Repository& repo = event.repository;
  const auto number = [](std::int64_t value) { return std::to_string(value); };
  const std::string ref_type = event.ref_type == RefType::tag      ? "tag"
                               : event.ref_type == RefType::branch ? "branch"
                                                                   : "";
  const std::size_t scheme = facts.server_url.find("://");
  const std::string host =
      scheme == std::string::npos ? facts.server_url : facts.server_url.substr(scheme + 3);
  expr::Object github;
  github.set("actor", event.sender.login);
  github.set("actor_id", number(event.sender.id));
  github.set("api_url", facts.api_url);
  const bool of_pull =
      event.pull_request && (event.name == "pull_request" || event.name == "pull_request_target");
  github.set("base_ref", of_pull ? event.pull_request->base_ref : "");
  github.set("event", event.payload);
  github.set("event_name", event.name);
  github.set("graphql_url", facts.graphql_url);
  github.set("head_ref", of_pull ? event.pull_request->head_ref : "");
  github.set("ref", event.ref);
  github.set("ref_name", event.ref_name);
  github.set("ref_protected", false);
  github.set("ref_type", ref_type);
  github.set("repository", repo.full_name);
  github.set("repository_id", number(repo.id));
  github.set("repository_owner", repo.owner);
  github.set("repository_owner_id", number(repo.owner_id));
  github.set("repositoryUrl", "git://" + host + "/" + repo.full_name + ".git");
  github.set("retention_days", std::to_string(facts.retention_days));
  github.set("run_attempt", number(facts.run_attempt));
  github.set("run_id", number(facts.run_id));
  github.set("run_number", number(facts.run_number));
  github.set("secret_source", event.name != "pull_request_target" && event.pull_request &&
                                      event.pull_request->from_fork
                                  ? "None"
                                  : "Actions");
  github.set("server_url", facts.server_url);
  github.set("sha", event.sha);
  github.set("triggering_actor", facts.triggering_actor.login.empty()
                                     ? event.sender.login
                                     : facts.triggering_actor.login);
  github.set("workflow", facts.workflow_name);
  github.set("workflow_ref", repo.full_name + "/" + facts.workflow_file + "@" + event.ref);
  github.set("workflow_sha", facts.workflow_sha.empty() ? event.sha : facts.workflow_sha);
  return github;
}

}  // namespace gantry::core::workflow
