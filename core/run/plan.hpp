// SPDX-License-Identifier: MIT
// Which of a commit's workflow files start a run for an event, each with its reason.
#pragma once

#include "core/workflow/triggers.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gantry::core::run {

struct WorkflowFile {
  std::string file;  // ".github/workflows/ci.yml"
  workflow::ParsedWorkflow parsed;
};

enum class PlanOutcome {
  starts,
  not_started,
  broken,  // a failed run carries the diagnostics
};

struct PlannedWorkflow {
  std::string file;
  PlanOutcome outcome = PlanOutcome::not_started;
  std::shared_ptr<const workflow::Workflow> workflow;  // null when it could not be read
  std::vector<yaml::Diagnostic> diagnostics;           // of the file, and of its patterns
  workflow::TriggerDecision decision;                  // means nothing for a broken file
  std::string reason;                                  // one sentence, for people
};

// The diff that some file's path filter asks for; ask before plan_event().
std::optional<workflow::DiffRequest> needed_diff(const workflow::Event& event,
                                                 const std::vector<WorkflowFile>& files);

std::vector<PlannedWorkflow> plan_event(const workflow::Event& event,
                                        const std::vector<WorkflowFile>& files,
                                        const std::optional<workflow::Changes>& changes);

}  // namespace gantry::core::run
