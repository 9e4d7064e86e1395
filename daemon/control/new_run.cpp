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

// GitHub's ten levels: the first workflow and nine below it.
constexpr std::size_t kMaxCallDepth = 9;

// What a called workflow asks for and cannot have is told at the call.
void add_unsupported(const core::workflow::LoadedWorkflow& caller,
                     std::vector<core::yaml::Diagnostic>& problems) {
  for (const auto& call : caller.calls) {
    const auto& callee = call.workflow.front();
    for (auto& diagnostic : core::workflow::unsupported(callee.workflow)) {
      diagnostic.message = callee.workflow.file + ":" + std::to_string(diagnostic.position.line) +
                           ": " + diagnostic.message;
      diagnostic.position = caller.workflow.find_job(call.job_id)->uses->position;
      problems.push_back(std::move(diagnostic));
    }
    add_unsupported(callee, problems);
  }
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

std::optional<RemoteWorkflow> parse_remote_workflow(std::string_view name) {
  const std::size_t at = name.find('@');
  const std::size_t owner = name.find('/');
  const std::size_t repository = name.find('/', owner + 1);
  if (at == std::string_view::npos || repository == std::string_view::npos || repository > at) {
    return std::nullopt;
  }
  return RemoteWorkflow{std::string(name.substr(0, repository)),
                        std::string(name.substr(repository + 1, at - repository - 1)),
                        std::string(name.substr(at + 1))};
}

Calls load_calls(const std::string& file, const std::string& source,
                 const core::run::CalledTexts& texts, core::workflow::LoadOptions options) {
  Calls calls;
  options.max_call_depth = kMaxCallDepth;
  const auto provide = [&](std::string_view name) -> std::optional<std::string> {
    const auto found = texts.find(std::string(name));
    if (found != texts.end()) return found->second.text;
    if (parse_remote_workflow(name)) calls.missing.emplace_back(name);
    return std::nullopt;
  };
  auto result = core::workflow::load_workflow(file, source, provide, options);
  if (result.workflow && result.workflow->calls.empty()) return calls;
  if (result.workflow) {
    add_unsupported(*result.workflow, calls.problems);
    if (core::yaml::has_errors(calls.problems)) return calls;
    calls.loaded =
        std::make_shared<const core::workflow::LoadedWorkflow>(*std::move(result.workflow));
  }
  for (auto& problem : result.problems) {
    // Annotations stand in the file of the run: at the call, with the place called.
    if (!problem.file.empty() && problem.file != file) {
      problem.diagnostic.message = problem.file + ":" +
                                   std::to_string(problem.diagnostic.position.line) + ": " +
                                   problem.diagnostic.message;
      problem.diagnostic.position =
          problem.caller == file ? problem.caller_position : core::yaml::Position();
    }
    calls.problems.push_back(std::move(problem.diagnostic));
  }
  return calls;
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
