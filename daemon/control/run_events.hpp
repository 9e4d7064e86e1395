// SPDX-License-Identifier: MIT
// `on.workflow_run` of our own runs: a run that is requested, begins or ends becomes a delivery in
// the inbox, in the transaction that changes the run, where a workflow of the default branch
// follows it. So none is lost and none comes twice, whenever gantryd dies.
#pragma once

#include "core/run/plan.hpp"
#include "daemon/control/settings.hpp"
#include "daemon/control/views.hpp"
#include "storage/deliveries.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gantry::daemon::control {

enum class RunPhase { requested, in_progress, completed };

// Workflows of a default branch with `on.workflow_run`.
using RunFollowers = std::vector<std::shared_ptr<const core::workflow::Workflow>>;

// For one repository; may be used on the database's thread. One made by default tells nothing.
class RunTeller {
 public:
  RunTeller() = default;
  RunTeller(std::shared_ptr<const RunFollowers> followers, ViewBase base)
      : followers_(std::move(followers)), base_(std::move(base)), tells_(true) {}

  // Call it in the transaction that changes the run, after the change. `github` is the run's
  // context. What comes into `told` is for the intake, once the transaction is committed.
  void tell(storage::Database& database, core::RunId run, RunPhase phase,
            const core::expr::Value& github, core::Timestamp now,
            std::vector<storage::Delivery>& told) const;

 private:
  bool is_followed(const storage::Run& run, RunPhase phase) const;

  std::shared_ptr<const RunFollowers> followers_;  // null: not known yet, so every run is told
  ViewBase base_;
  bool tells_ = false;
};

// Who follows the runs of each repository, as last seen. Loop thread only.
class RunEvents {
 public:
  explicit RunEvents(const SettingsHolder& settings) : settings_(settings) {}

  // `files` of the default branch's tip when an event of `seen` came; older news are passed over.
  void learn(core::RepoId repo, const std::vector<core::run::WorkflowFile>& files,
             core::Timestamp seen);
  RunTeller teller_of(core::RepoId repo) const;

 private:
  struct Known {
    std::shared_ptr<const RunFollowers> followers;
    core::Timestamp seen;
  };
  const SettingsHolder& settings_;
  std::map<core::RepoId, Known> known_;
};

}  // namespace gantry::daemon::control
