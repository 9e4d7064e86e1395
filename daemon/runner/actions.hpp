// SPDX-License-Identifier: MIT
// From `uses` to an action that can be run: what it names is fetched, its manifest read, and so on
// for the actions it uses itself. Blocks. Nothing here runs code of an action.
#pragma once

#include "core/workflow/action.hpp"
#include "core/workflow/action_reference.hpp"
#include "daemon/runner/action_store.hpp"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace gantry::daemon::runner {

// An action with its manifest read.
struct ReadyAction {
  core::workflow::ActionReference reference;
  std::shared_ptr<const core::workflow::Action> manifest;  // shared with its parser's result
  std::string folder;                                      // of the manifest, as the job sees it

  bool is_local() const { return reference.source == core::workflow::ActionSource::local; }
};
using ReadyPointer = std::shared_ptr<const ReadyAction>;  // shared by the steps that use it

struct ActionProblem {
  core::workflow::Located<std::string> uses;  // of the step that led here
  std::string message;
};

// A tree of the store and where the job is to see it.
struct ActionTree {
  fs::path tree;
  std::string relative;  // below core::run::kSandboxActions
};

struct PreparedActions {
  std::map<std::string, ReadyPointer> ready;  // by ActionReference::written()
  std::vector<ActionTree> trees;
  std::vector<std::string> lines;     // for the log
  std::vector<std::string> warnings;  // for the log
  std::vector<ActionProblem> problems;
};

// All remote actions that `steps` lead to, those of composite actions included.
PreparedActions prepare_actions(const std::vector<core::workflow::Step>& steps,
                                const core::workflow::ActionPolicy& policy,
                                const ActionStore& store);

// The manifest in an open folder: its name as people know it is `shown`. Nothing when there is
// none; throws core::Exception, every error with its place in the manifest.
std::shared_ptr<const core::workflow::Action> read_manifest(int folder_fd,
                                                            const std::string& shown);

// What there is to say of a folder without a manifest.
std::string no_manifest(std::string_view folder);

}  // namespace gantry::daemon::runner
