// SPDX-License-Identifier: MIT
// The functions of run_machine.hpp that need no machine: keys of a whole workflow, reruns.
#include "core/base/text.hpp"
#include "core/run/job_plan.hpp"
#include "core/run/run_machine.hpp"

#include <algorithm>
#include <set>

namespace gantry::core::run {
namespace {

expr::Environment environment_of(const RunContexts& contexts) {
  expr::Environment environment;
  environment.contexts.set("github", contexts.github);
  environment.contexts.set("vars", contexts.vars);
  environment.contexts.set("inputs", contexts.inputs);
  return environment;
}

std::string default_name(const workflow::Workflow& workflow, const expr::Value& github) {
  const std::string event = github["event_name"].to_string();
  std::string name;
  if (event == "push") name = github["event"]["head_commit"]["message"].to_string();
  if (event.starts_with("pull_request")) {
    name = github["event"]["pull_request"]["title"].to_string();
  }
  name = trim(std::string_view(name).substr(0, name.find('\n')));
  return name.empty() ? workflow.name : name;
}

bool runs_again(const RecordedJob& row, RerunScope scope, const LegKey& job) {
  switch (scope) {
    case RerunScope::all:
      return true;
    case RerunScope::failed:
      return row.conclusion != Conclusion::success && row.conclusion != Conclusion::neutral &&
             row.conclusion != Conclusion::skipped;
    case RerunScope::one_job:
      return row.key.leg == job.leg && equals_ignoring_case(row.key.job_id, job.job_id);
  }
  return true;
}

}  // namespace

std::vector<RecordedJob> keep_for_rerun(const workflow::Workflow& workflow,
                                        const std::vector<RecordedJob>& jobs, RerunScope scope,
                                        const LegKey& job) {
  std::set<std::string> again, dependents;
  for (const RecordedJob& row : jobs) {
    if (runs_again(row, scope, job)) again.insert(to_lower(row.key.job_id));
  }
  for (bool grown = true; grown;) {
    grown = false;
    for (const workflow::Job& each : workflow.jobs) {
      const bool needs_one =
          std::any_of(each.needs.begin(), each.needs.end(), [&](const auto& need) {
            const std::string id = to_lower(need.value);
            return again.contains(id) || dependents.contains(id);
          });
      if (needs_one) grown = dependents.insert(to_lower(each.id)).second || grown;
    }
  }
  std::vector<RecordedJob> kept;
  for (const RecordedJob& row : jobs) {
    if (runs_again(row, scope, job) || dependents.contains(to_lower(row.key.job_id))) continue;
    kept.push_back(row);
    kept.back().kept = true;
  }
  return kept;
}

RunName run_name(const workflow::Workflow& workflow, const RunContexts& contexts) {
  RunName result{.name = default_name(workflow, contexts.github)};
  if (workflow.run_name.is_null()) return result;
  const auto value = workflow::evaluate(workflow.run_name, environment_of(contexts));
  if (!value) {
    result.diagnostic = value.error();
    result.diagnostic->message = "Error when evaluating 'run-name'. " + value.error().message;
    return result;
  }
  const std::string text = value->to_string();
  if (!trim(text).empty()) result.name = trim(text);
  return result;
}

RunConcurrency run_concurrency(const workflow::Workflow& workflow, const RunContexts& contexts) {
  if (workflow.concurrency.is_null()) return {};
  const auto refuse = [&](yaml::Diagnostic diagnostic) {
    diagnostic.message = "Error when evaluating 'concurrency'. " + diagnostic.message;
    return RunConcurrency{.diagnostic = std::move(diagnostic)};
  };
  const auto value = workflow::evaluate(workflow.concurrency, environment_of(contexts));
  if (!value) return refuse(value.error());
  auto concurrency = read_concurrency(*value);
  if (concurrency) return {.concurrency = *std::move(concurrency)};
  return refuse(diagnostic_at(workflow.concurrency.position, concurrency.error().message));
}

}  // namespace gantry::core::run
