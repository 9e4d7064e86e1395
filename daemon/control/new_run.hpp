// SPDX-License-Identifier: MIT
// From an event and a workflow file to the run to be made. Pure.
#pragma once

#include "core/run/plan.hpp"
#include "core/workflow/github_context.hpp"
#include "daemon/control/conductor.hpp"

#include <string>

namespace gantry::daemon::control {

// Runs of pull requests from forks are untrusted; so is what cannot be told.
storage::Trust trust_of(const core::workflow::Event& event);

// `definition_sha`: the commit the file was read at.
NewRun make_new_run(const core::workflow::Event& event, const core::run::PlannedWorkflow& planned,
                    std::string source, const std::string& definition_sha,
                    const storage::Repository& repo, const core::config::GitHub& github,
                    core::Timestamp now);

// What the triggers said about each file, as JSON for the delivery's row.
std::string encode_decisions(const std::vector<core::run::PlannedWorkflow>& planned);

}  // namespace gantry::daemon::control
