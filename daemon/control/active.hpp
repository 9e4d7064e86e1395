// SPDX-License-Identifier: MIT
// Unfinished runs and jobs as gantryd holds them in memory. Everything here can be made again from
// the database; only the loop thread touches it.
#pragma once

#include "core/run/environment.hpp"
#include "core/run/run_machine.hpp"
#include "core/run/scheduler.hpp"
#include "daemon/async/runtime.hpp"
#include "storage/jobs.hpp"
#include "storage/repos.hpp"
#include "storage/runs.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gantry::daemon::control {

// The part of a CreateLeg that a restart needs again; kept as JSON in the job's row.
struct LegPlan {
  core::expr::Value matrix, strategy;
  int leg_total = 1;
  int max_parallel = 0;
  bool fail_fast = true;
  bool continue_on_error = false;
  std::optional<std::chrono::milliseconds> timeout;
  std::optional<core::run::Concurrency> concurrency;
  std::string runner_group, environment;
};
std::string encode(const LegPlan& plan);
LegPlan decode_leg_plan(std::string_view json);

struct ActiveRun;

struct ActiveJob {
  enum class Phase { waiting, starting, running, finished };

  explicit ActiveJob(const async::asio::any_io_executor& executor) : control(executor) {}

  core::JobId id;
  std::shared_ptr<ActiveRun> run;  // shared: a job keeps its run until it is finished
  core::run::LegKey key;
  std::string name;
  std::vector<std::string> labels;
  LegPlan plan;
  Phase phase = Phase::waiting;
  std::size_t offer = 0;      // index in Capacity::offers
  core::Timestamp since;      // its needs are met
  bool is_gated = false;      // its environment lets it wait
  int lost_starts = 0;        // runners that died before they started it
  std::string cancel_reason;  // not empty: asked to stop
  async::Wakeup control;      // notified when the runner is to be told something
};

struct ActiveRun {
  storage::Run row;
  storage::Repository repo;
  std::string source;         // of the workflow file
  std::string workflow_path;  // .github/workflows/x.yml
  std::string workflow_sha;
  core::run::CalledTexts called;                                 // of the workflows it calls
  std::shared_ptr<const core::workflow::LoadedWorkflow> loaded;  // shared with the machine
  std::optional<core::run::RunMachine> machine;
  std::optional<core::run::Concurrency> concurrency;
  // Rows there are already when it is released: after a restart, or kept by a rerun.
  std::vector<core::run::RecordedJob> recorded;
  std::map<core::run::LegKey, std::shared_ptr<ActiveJob>> jobs;  // unfinished ones
  std::vector<core::run::Review> reviews;                        // of this attempt
  bool released = false;                                         // holds its concurrency group
  std::string cancel_reason;
};

}  // namespace gantry::daemon::control
