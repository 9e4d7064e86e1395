// SPDX-License-Identifier: MIT
#include "daemon/control/new_run.hpp"

#include <algorithm>

namespace gantry::daemon::control {
namespace {

using core::expr::Array;
using core::expr::Object;
using core::expr::Value;
using core::workflow::Event;

std::string head_commit(const Event& event) {
  const Value& commit = event.payload["head_commit"];
  if (!commit.is_null()) return core::expr::to_json(commit);
  Object object;
  object.set("id", event.head_sha);
  object.set("message", event.head_commit_message);
  return core::expr::to_json(Value(std::move(object)));
}

std::string_view to_string(core::run::PlanOutcome outcome) {
  switch (outcome) {
    case core::run::PlanOutcome::starts:
      return "starts";
    case core::run::PlanOutcome::not_started:
      return "not_started";
    case core::run::PlanOutcome::broken:
      return "broken";
  }
  return "not_started";
}

}  // namespace

storage::Trust trust_of(const Event& event) {
  // pull_request_target runs the default branch's definition: it is trusted as that is.
  const bool from_fork =
      event.name != "pull_request_target" && event.pull_request && event.pull_request->from_fork;
  return from_fork ? storage::Trust::untrusted : storage::Trust::trusted;
}

NewRun make_new_run(const Event& event, const core::run::PlannedWorkflow& planned,
                    std::string source, const std::string& definition_sha,
                    const storage::Repository& repo, const core::config::GitHub& github,
                    core::Timestamp now) {
  NewRun run;
  run.source = std::move(source);
  run.workflow_path = planned.file;
  run.workflow_sha = definition_sha;
  run.workflow_name = planned.workflow ? planned.workflow->name : planned.file;
  if (planned.outcome == core::run::PlanOutcome::starts) run.workflow = planned.workflow;
  run.diagnostics = planned.diagnostics;
  core::workflow::RunFacts facts;
  facts.workflow_name = run.workflow_name;
  facts.workflow_file = planned.file;
  facts.workflow_sha = definition_sha;
  facts.triggering_actor = event.sender;
  facts.server_url = github.server_url;
  facts.api_url = github.api_url;
  facts.graphql_url = github.api_url + "/graphql";
  run.github = core::workflow::github_context(event, facts);
  storage::Run& row = run.row;
  row.repo = repo.id;
  row.event = event.name;
  row.head_branch = event.pull_request ? event.pull_request->head_ref : event.ref_name;
  row.head_sha = event.head_sha;
  row.ref = event.ref;
  row.head_repository = event.pull_request ? event.pull_request->head_repository : repo.full_name;
  row.head_commit = head_commit(event);
  row.display_title = run.workflow_name;
  row.actor = event.sender.login;
  row.triggering_actor = event.sender.login;
  if (event.pull_request) row.pull_request = event.pull_request->number;
  row.trust = trust_of(event);
  row.created_at = now;
  row.updated_at = now;
  return run;
}

std::string encode_decisions(const std::vector<core::run::PlannedWorkflow>& planned) {
  Array list;
  for (const auto& item : planned) {
    Object object;
    object.set("workflow", item.file);
    object.set("outcome", to_string(item.outcome));
    object.set("reason", item.reason);
    object.set("rule", core::workflow::to_string(item.decision.rule));
    object.set("filter", item.decision.filter);
    object.set("pattern", item.decision.pattern);
    object.set("subject", item.decision.subject);
    object.set("line", item.decision.position.line);
    list.emplace_back(std::move(object));
  }
  return core::expr::to_json(Value(std::move(list)));
}

}  // namespace gantry::daemon::control
