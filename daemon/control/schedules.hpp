// SPDX-License-Identifier: MIT
// The clock of `on.schedule`: a schedule that is due becomes a delivery of its own in the inbox, in
// the transaction that moves the schedule on. One missed while gantryd was away comes once. Loop
// thread only.
#pragma once

#include "core/run/plan.hpp"
#include "daemon/control/conductor.hpp"
#include "storage/schedules.hpp"

#include <functional>
#include <vector>

namespace gantry::daemon::control {

// The schedules of a default branch's workflow files; what cannot be read is logged and left out.
std::vector<storage::Schedule> schedules_of(const std::vector<core::run::WorkflowFile>& files,
                                            core::RepoId repo, core::Timestamp now);

// A payload for an event that Gantry makes itself: repository and sender as GitHub shows them.
core::expr::Object own_payload(const storage::Repository& repo, const std::string& sender);

class Schedules {
 public:
  using Take = std::function<void(const storage::Delivery& delivery)>;  // stored already

  Schedules(Conductor& conductor, Take take) : conductor_(conductor), take_(std::move(take)) {}

  async::Task<> run();  // for as long as gantryd lives

 private:
  async::Task<> fire(storage::Schedule due);

  Conductor& conductor_;
  Take take_;
};

}  // namespace gantry::daemon::control
