// SPDX-License-Identifier: MIT
// Which job may start now, across all runs: concurrency groups, max-parallel, labels, the machine's
// limit, timeouts. Pure: gantryd tells it what happened, asks decide(), carries the actions out.
// Fair between repositories: of those with a job that fits, the one served longest ago comes first,
// so that ten thousand legs of one cannot hold up a push to another; within a repository the oldest
// comes first. Every call costs O(log n) in the jobs waiting.
// After a restart: add released runs and started jobs first, then the others in their old order.
#pragma once

#include "core/base/ids.hpp"
#include "core/base/time.hpp"
#include "core/run/concurrency.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::core::run {

// A job fits an offer that has all its labels, ignoring case; the first that has room takes it.
struct Offer {
  std::vector<std::string> labels;
  int limit = 0;  // jobs at once; 0: only the machine's limit counts
};
struct Capacity {
  int jobs = 1;  // at once, over all offers
  std::vector<Offer> offers;
};

struct RunEntry {
  RunId run;
  RepoId repo;
  std::optional<Concurrency> concurrency;
  bool released = false;  // restored: it held its group already
};

constexpr std::chrono::seconds kTimeoutGrace{30};

struct JobEntry {
  JobId job;
  RunId run;
  RepoId repo;
  std::string job_id;  // in the workflow; max_parallel counts the run's jobs of this id
  std::string name;
  std::vector<std::string> labels;
  std::string runner_group;
  std::optional<Concurrency> concurrency;
  int max_parallel = 0;  // 0: no limit
  // The runner keeps it; one that does not is told to stop kTimeoutGrace later.
  std::chrono::milliseconds timeout = std::chrono::minutes(360);
  std::optional<Timestamp> queued_at;   // restored: when it first could have started
  std::optional<Timestamp> started_at;  // restored: it runs
  std::size_t offer = 0;                // restored: the index in Capacity::offers
};

enum class ActionKind {
  release_run,  // the run has its concurrency group: plan its jobs
  start_job,    // on `offer`; counts as running until job_finished()
  fail_job,     // can never start; forgotten here
  cancel_job,   // waiting: forgotten here; running: until job_finished()
  cancel_run,   // as above; a waiting run never was released
};
enum class ActionCause { fits, no_offer, superseded, deadlock, timed_out, queued_too_long, asked };

struct Action {
  ActionKind kind = ActionKind::start_job;
  ActionCause cause = ActionCause::fits;
  RunId run;
  JobId job;
  std::size_t offer = 0;
  std::string reason;  // for people, GitHub's text where it has one; empty for start and release
};

enum class HoldKind { none, concurrency, max_parallel, capacity };
struct Hold {
  HoldKind kind = HoldKind::none;  // none: running, or not known
  std::string reason;              // "waiting for concurrency group 'deploy'"
};

struct Load {
  std::size_t running = 0, waiting = 0, held = 0, runs_waiting = 0;
};

class Scheduler {
 public:
  explicit Scheduler(Capacity capacity);
  ~Scheduler();
  Scheduler(Scheduler&&) noexcept;
  Scheduler& operator=(Scheduler&&) noexcept;

  // What happened. Ids that are not known (any more) are ignored.
  void set_capacity(Capacity capacity);
  void add_run(const RunEntry& run);  // each run, also one without a group
  void add_job(const JobEntry& job);  // its needs are met; its run was released
  void job_finished(JobId job);
  void run_finished(RunId run);
  void cancel_job(JobId job, std::string reason);
  void cancel_run(RunId run, std::string reason);

  // Everything to do now, in order; a cancellation may name what has ended since. `now` never goes
  // back.
  std::vector<Action> decide(Timestamp now);
  std::optional<Timestamp> next_deadline() const;  // decide() again then, at the latest

  Hold why_waiting(JobId job) const;
  Hold why_waiting(RunId run) const;
  Load load() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace gantry::core::run
