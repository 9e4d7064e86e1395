// SPDX-License-Identifier: MIT
#include "core/run/plan.hpp"

#include "core/run/selection.hpp"
#include "core/workflow/glob.hpp"

namespace gantry::core::run {
namespace {

using workflow::Event;

// A file that cannot be read has no `on`. It is told of where its author looks: at a push to a
// branch, and at a fork's pull request, which sends no push.
bool tells_broken(const Event& event) {
  if (event.name == "push") return !event.deleted && event.ref_type == workflow::RefType::branch;
  if (event.name != "pull_request" || !event.pull_request) return false;
  return event.pull_request->from_fork && event.action != "closed";
}

PlannedWorkflow broken(const Event& event, PlannedWorkflow planned) {
  const bool told = tells_broken(event);
  planned.outcome = told ? PlanOutcome::broken : PlanOutcome::not_started;
  planned.reason =
      told ? "the workflow file has errors" : "the workflow file has errors, reported at the push";
  return planned;
}

}  // namespace

std::optional<workflow::DiffRequest> needed_diff(const Event& event,
                                                 const std::vector<WorkflowFile>& files) {
  for (const WorkflowFile& file : files) {
    if (!file.parsed.workflow || yaml::has_errors(file.parsed.diagnostics)) continue;
    if (auto request = workflow::needs_changed_files(*file.parsed.workflow, event)) return request;
  }
  return std::nullopt;
}

std::vector<PlannedWorkflow> plan_event(const Event& event, const std::vector<WorkflowFile>& files,
                                        const std::optional<workflow::Changes>& changes) {
  std::vector<PlannedWorkflow> plans;
  const Selection selection = selection_of(event.payload);
  for (const WorkflowFile& file : files) {
    const bool is_asked = file.file == selection.workflow;
    if (!selection.workflow.empty() && !is_asked) continue;
    PlannedWorkflow planned{.file = file.file,
                            .workflow = file.parsed.workflow,
                            .diagnostics = file.parsed.diagnostics};
    if (planned.workflow) {
      const auto patterns = workflow::check_patterns(*planned.workflow);
      planned.diagnostics.insert(planned.diagnostics.end(), patterns.begin(), patterns.end());
    }
    if (!planned.workflow || yaml::has_errors(planned.diagnostics)) {
      plans.push_back(broken(event, std::move(planned)));
      continue;
    }
    planned.decision = workflow::decide_trigger(*planned.workflow, event, changes);
    const bool starts = planned.decision.starts || is_asked;
    planned.outcome = starts ? PlanOutcome::starts : PlanOutcome::not_started;
    planned.reason = workflow::describe(planned.decision);
    if (!planned.decision.starts && is_asked) planned.reason = "asked for by name";
    plans.push_back(std::move(planned));
  }
  return plans;
}

}  // namespace gantry::core::run
