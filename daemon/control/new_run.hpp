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

// The workflow with all it calls. `missing`: texts of other repositories that are wanted still;
// then nothing else counts.
struct Calls {
  std::shared_ptr<const core::workflow::LoadedWorkflow> loaded;  // null: it calls none, or problems
  std::vector<std::string> missing;
  std::vector<core::yaml::Diagnostic> problems;
};
Calls load_calls(const std::string& file, const std::string& source,
                 const core::run::CalledTexts& texts, core::workflow::LoadOptions options);
// "owner/name/.github/workflows/x.yml@ref"
struct RemoteWorkflow {
  std::string repository, path, ref;
};
std::optional<RemoteWorkflow> parse_remote_workflow(std::string_view name);

// What the triggers said about each file, as JSON for the delivery's row.
std::string encode_decisions(const std::vector<core::run::PlannedWorkflow>& planned);

}  // namespace gantry::daemon::control
