// SPDX-License-Identifier: MIT
#include "core/run/scheduler.hpp"

#include "core/base/text.hpp"
#include "core/run/concurrency_groups.hpp"
#include "core/run/ready_queue.hpp"

#include <algorithm>
#include <cstdio>
#include <set>
#include <unordered_map>
#include <utility>

namespace gantry::core::run {
namespace {

constexpr auto kQueueLimit = std::chrono::hours(24);
constexpr std::chrono::milliseconds kMaxTimeout = std::chrono::hours(24 * 400);

std::string superseded_text(const Concurrency& concurrency) {
  return "Canceling since a higher priority waiting request for '" + concurrency.group + "' exists";
}

}  // namespace

class Scheduler::State {
 public:
  explicit State(Capacity capacity) : queue_(std::move(capacity)) {}

  void set_capacity(Capacity capacity);
  void add_run(const RunEntry& entry);
  void add_job(const JobEntry& entry);
  void job_finished(JobId id);
  void run_finished(RunId id);
  void cancel_job(JobId id, ActionCause cause, std::string reason);
  void cancel_run(RunId id, ActionCause cause, std::string reason);
  std::vector<Action> decide(Timestamp now);
  std::optional<Timestamp> next_deadline() const;
  Hold why_waiting(JobId id) const;
  Hold why_waiting(RunId id) const;
  Load load() const;

 private:
  enum class Stage { legs, group, ready, running };
  struct Job {
    JobEntry entry;
    std::uint64_t order = 0;
    std::size_t label_set = 0;
    std::size_t offer = 0;
    Stage stage = Stage::legs;
    bool has_leg_slot = false, in_group = false, cancel_asked = false;
    std::optional<Timestamp> deadline;
  };
  struct Run {
    RunEntry entry;
    bool released = false, in_group = false, cancel_asked = false;
    std::set<JobId> in_groups;  // its jobs that wait for a group
  };
  struct Legs {
    int active = 0;
    std::map<std::uint64_t, JobId> waiting;
  };
  using LegsKey = std::pair<RunId, std::string>;

  static Party party(const Job& job) { return {job.entry.run, job.entry.job}; }
  static LegsKey legs_key(const Job& job) { return {job.entry.run, job.entry.job_id}; }
  ReadyQueue::Ticket ticket(const Job& job) const {
    return {job.label_set, job.entry.repo, job.order, job.entry.job};
  }

  void emit(ActionKind kind, ActionCause cause, const Job& job, std::string reason);
  void emit(ActionKind kind, ActionCause cause, const Run& run, std::string reason);
  void restore_started(Job& job);
  void enter_group(Job& job);
  void make_ready(Job& job);
  void set_stage(Job& job, Stage stage);
  void set_deadline(Job& job, std::optional<Timestamp> deadline);
  void drop(JobId id);
  void promote(const std::optional<Party>& party);
  void supersede(const ConcurrencyGroups::Entry& entry, const Concurrency& concurrency);
  std::optional<RunId> find_deadlock(const Job& job) const;
  std::string no_offer_text(const JobEntry& entry) const;
  void expire(Timestamp now);

  ReadyQueue queue_;
  ConcurrencyGroups groups_;
  std::unordered_map<JobId, Job> jobs_;
  std::unordered_map<RunId, Run> runs_;
  std::map<LegsKey, Legs> legs_;
  std::set<std::pair<Timestamp, JobId>> deadlines_;
  std::vector<JobId> newly_ready_;  // their wait counts from the next decide()
  std::vector<Action> actions_;
  std::uint64_t order_ = 0;
  std::size_t ready_ = 0, held_ = 0, runs_waiting_ = 0;
};

void Scheduler::State::emit(ActionKind kind, ActionCause cause, const Job& job,
                            std::string reason) {
  actions_.push_back({kind, cause, job.entry.run, job.entry.job, job.offer, std::move(reason)});
}

void Scheduler::State::emit(ActionKind kind, ActionCause cause, const Run& run,
                            std::string reason) {
  actions_.push_back({kind, cause, run.entry.run, {}, 0, std::move(reason)});
}

void Scheduler::State::add_run(const RunEntry& entry) {
  const auto [found, is_new] = runs_.try_emplace(entry.run, Run{.entry = entry});
  if (!is_new) return;
  Run& run = found->second;
  ConcurrencyGroups::Entry entered;
  if (entry.concurrency) {
    entered = groups_.enter(entry.repo, *entry.concurrency, {entry.run, {}});
    run.in_group = entered.place != ConcurrencyGroups::Place::refused;
  }
  run.released = entered.place == ConcurrencyGroups::Place::holds || entry.released;
  if (run.released) {
    if (!entry.released) emit(ActionKind::release_run, ActionCause::fits, run, "");
    return;
  }
  const Concurrency concurrency = *entry.concurrency;
  if (entered.place == ConcurrencyGroups::Place::refused) {
    emit(ActionKind::cancel_run, ActionCause::superseded, run, superseded_text(concurrency));
    runs_.erase(found);
    return;
  }
  ++runs_waiting_;
  supersede(entered, concurrency);
}

// Superseded parties wait and are forgotten; the holder goes on until it ends.
void Scheduler::State::supersede(const ConcurrencyGroups::Entry& entry,
                                 const Concurrency& concurrency) {
  std::vector<Party> parties = entry.superseded;
  if (entry.to_cancel) parties.push_back(*entry.to_cancel);
  for (const Party& each : parties) {
    if (each.job) {
      cancel_job(each.job, ActionCause::superseded, superseded_text(concurrency));
    } else {
      cancel_run(each.run, ActionCause::superseded, superseded_text(concurrency));
    }
  }
}

void Scheduler::State::add_job(const JobEntry& entry) {
  const auto [found, is_new] = jobs_.try_emplace(entry.job, Job{.entry = entry});
  if (!is_new) return;
  Job& job = found->second;
  job.order = ++order_;
  job.entry.timeout = std::clamp(entry.timeout, std::chrono::milliseconds(0), kMaxTimeout);
  ++held_;
  if (entry.started_at) return restore_started(job);
  const auto labels = queue_.label_set(entry.labels);
  if (!labels || !entry.runner_group.empty()) {
    emit(ActionKind::fail_job, ActionCause::no_offer, job, no_offer_text(entry));
    return drop(entry.job);
  }
  job.label_set = *labels;
  if (entry.max_parallel <= 0) return enter_group(job);
  Legs& legs = legs_[legs_key(job)];
  if (legs.active >= entry.max_parallel) {
    legs.waiting.emplace(job.order, entry.job);
    return;
  }
  ++legs.active;
  job.has_leg_slot = true;
  enter_group(job);
}

void Scheduler::State::restore_started(Job& job) {
  if (job.entry.max_parallel > 0) {
    ++legs_[legs_key(job)].active;
    job.has_leg_slot = true;
  }
  if (job.entry.concurrency) {
    const auto entered = groups_.enter(job.entry.repo, *job.entry.concurrency, party(job));
    job.in_group = entered.place != ConcurrencyGroups::Place::refused;
  }
  job.offer = job.entry.offer;
  queue_.take_room(job.offer);
  set_stage(job, Stage::running);
  set_deadline(job, *job.entry.started_at + job.entry.timeout + kTimeoutGrace);
}

void Scheduler::State::enter_group(Job& job) {
  if (!job.entry.concurrency) return make_ready(job);
  const Concurrency concurrency = *job.entry.concurrency;
  const JobId id = job.entry.job;
  if (const auto other = find_deadlock(job)) {
    const std::string with =
        *other == job.entry.run ? "top level workflow" : "run " + std::to_string(other->value);
    emit(ActionKind::cancel_job, ActionCause::deadlock, job,
         "Canceling since a deadlock for concurrency group '" + concurrency.group +
             "' was detected between '" + with + "' and '" + job.entry.name + "'");
    return drop(id);
  }
  const auto entered = groups_.enter(job.entry.repo, concurrency, party(job));
  if (entered.place == ConcurrencyGroups::Place::refused) {
    emit(ActionKind::cancel_job, ActionCause::superseded, job, superseded_text(concurrency));
    return drop(id);
  }
  job.in_group = true;
  if (entered.place == ConcurrencyGroups::Place::holds) return make_ready(job);
  set_stage(job, Stage::group);
  if (const auto run = runs_.find(job.entry.run); run != runs_.end()) {
    run->second.in_groups.insert(id);
  }
  supersede(entered, concurrency);
}

// A run ends only when all its jobs have ended, so a job that waits for a group held by a run that
// in turn waits (by any way round) for the job's own run would wait for ever.
std::optional<RunId> Scheduler::State::find_deadlock(const Job& job) const {
  std::set<RunId> seen;
  std::vector<std::pair<RunId, RunId>> open;  // a run waited for, and the first one on the way
  const auto look = [&](const Job& waiting, std::optional<RunId> first) {
    for (const Party& each :
         groups_.ahead_of(waiting.entry.repo, *waiting.entry.concurrency, party(waiting))) {
      if (!each.job) open.emplace_back(each.run, first.value_or(each.run));
    }
  };
  look(job, std::nullopt);
  while (!open.empty()) {
    const auto [id, first] = open.back();
    open.pop_back();
    if (id == job.entry.run) return first;
    // What it cancels does not stay in its way.
    if (job.entry.concurrency->cancel_in_progress || !seen.insert(id).second) continue;
    const auto run = runs_.find(id);
    if (run == runs_.end()) continue;
    for (const JobId waiting : run->second.in_groups)
      look(jobs_.at(waiting), first);
  }
  return std::nullopt;
}

void Scheduler::State::make_ready(Job& job) {
  // The labels may have gone while it was held.
  const auto labels = queue_.label_set(job.entry.labels);
  if (!labels) {
    emit(ActionKind::fail_job, ActionCause::no_offer, job, no_offer_text(job.entry));
    return drop(job.entry.job);
  }
  job.label_set = *labels;
  set_stage(job, Stage::ready);
  queue_.insert(ticket(job));
  if (job.entry.queued_at) {
    set_deadline(job, *job.entry.queued_at + kQueueLimit);
  } else {
    newly_ready_.push_back(job.entry.job);
  }
}

void Scheduler::State::set_stage(Job& job, Stage stage) {
  const auto count = [&](Stage which, auto change) {
    if (which == Stage::ready) change(ready_);
    if (which == Stage::legs || which == Stage::group) change(held_);
  };
  count(job.stage, [](std::size_t& number) { --number; });
  count(stage, [](std::size_t& number) { ++number; });
  job.stage = stage;
}

void Scheduler::State::set_deadline(Job& job, std::optional<Timestamp> deadline) {
  if (job.deadline) deadlines_.erase({*job.deadline, job.entry.job});
  job.deadline = deadline;
  if (deadline) deadlines_.emplace(*deadline, job.entry.job);
}

// Forgets a job and lets go of whatever it held; others may move up.
void Scheduler::State::drop(JobId id) {
  const auto node = jobs_.extract(id);
  Job& job = node.mapped();
  set_deadline(job, std::nullopt);
  if (job.stage == Stage::ready) queue_.erase(ticket(job));
  if (job.stage == Stage::running) queue_.give_room(job.offer);
  if (job.stage == Stage::ready) --ready_;
  if (job.stage == Stage::legs || job.stage == Stage::group) --held_;
  if (const auto run = runs_.find(job.entry.run); run != runs_.end()) {
    run->second.in_groups.erase(id);
  }
  // First the group, so that a leg admitted below comes behind whoever waits for it.
  if (job.in_group) promote(groups_.leave(job.entry.repo, *job.entry.concurrency, party(job)));
  if (!job.has_leg_slot && job.stage != Stage::legs) return;
  const auto found = legs_.find(legs_key(job));
  if (found == legs_.end()) return;
  Legs& legs = found->second;
  legs.waiting.erase(job.order);
  if (job.has_leg_slot) --legs.active;
  if (legs.waiting.empty()) {
    if (legs.active == 0) legs_.erase(found);
    return;
  }
  if (legs.active >= job.entry.max_parallel) return;
  Job& next = jobs_.at(legs.waiting.begin()->second);
  legs.waiting.erase(legs.waiting.begin());
  ++legs.active;
  next.has_leg_slot = true;
  enter_group(next);
}

void Scheduler::State::promote(const std::optional<Party>& next) {
  if (!next) return;
  if (!next->job) {
    Run& run = runs_.at(next->run);
    // A restored run may have been released before its group was free.
    if (run.released) return;
    run.released = true;
    --runs_waiting_;
    return emit(ActionKind::release_run, ActionCause::fits, run, "");
  }
  Job& job = jobs_.at(next->job);
  if (const auto run = runs_.find(job.entry.run); run != runs_.end()) {
    run->second.in_groups.erase(next->job);
  }
  if (job.stage == Stage::group) make_ready(job);
}

void Scheduler::State::job_finished(JobId id) {
  if (jobs_.contains(id)) drop(id);
}

void Scheduler::State::run_finished(RunId id) {
  const auto node = runs_.extract(id);
  if (node.empty()) return;
  const Run& run = node.mapped();
  if (!run.released) --runs_waiting_;
  if (run.in_group) promote(groups_.leave(run.entry.repo, *run.entry.concurrency, {id, {}}));
}

void Scheduler::State::cancel_job(JobId id, ActionCause cause, std::string reason) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end() || found->second.cancel_asked) return;
  Job& job = found->second;
  job.cancel_asked = true;
  emit(ActionKind::cancel_job, cause, job, std::move(reason));
  if (job.stage != Stage::running) drop(id);
}

void Scheduler::State::cancel_run(RunId id, ActionCause cause, std::string reason) {
  const auto found = runs_.find(id);
  if (found == runs_.end() || found->second.cancel_asked) return;
  found->second.cancel_asked = true;
  emit(ActionKind::cancel_run, cause, found->second, std::move(reason));
  if (!found->second.released) run_finished(id);
}

void Scheduler::State::set_capacity(Capacity capacity) {
  const auto reload = queue_.set_capacity(std::move(capacity));
  for (auto& [id, job] : jobs_) {
    if (job.stage != Stage::running) continue;
    job.offer =
        job.offer < reload.new_index.size() ? reload.new_index[job.offer] : ReadyQueue::kNoOffer;
  }
  for (const JobId id : reload.orphans) {
    const auto found = jobs_.find(id);  // one that moved up may have cancelled it
    if (found == jobs_.end()) continue;
    const Job& job = found->second;
    emit(ActionKind::fail_job, ActionCause::no_offer, job, no_offer_text(job.entry));
    drop(id);
  }
}

std::string Scheduler::State::no_offer_text(const JobEntry& entry) const {
  std::vector<std::string> offers;
  for (const Offer& offer : queue_.capacity().offers) {
    offers.push_back("[" + join(offer.labels, ", ") + "]");
  }
  const std::string what = entry.runner_group.empty()
                               ? "no runner has the labels [" + join(entry.labels, ", ") + "]"
                               : "there is no runner group '" + entry.runner_group + "'";
  return "starting job '" + entry.name + "': " + what +
         "; on offer: " + (offers.empty() ? "nothing" : join(offers, ", "));
}

void Scheduler::State::expire(Timestamp now) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const JobId id = deadlines_.begin()->second;
    Job& job = jobs_.at(id);
    set_deadline(job, std::nullopt);
    if (job.stage == Stage::running) {
      cancel_job(id, ActionCause::timed_out,
                 "The job has exceeded the maximum execution time of " +
                     minutes_text(job.entry.timeout) + " minutes.");
    } else {
      cancel_job(id, ActionCause::queued_too_long,
                 "The job has waited for a free runner for more than 24 hours.");
    }
  }
}

std::vector<Action> Scheduler::State::decide(Timestamp now) {
  expire(now);
  while (const auto pick = queue_.pick()) {
    Job& job = jobs_.at(pick->job);
    job.offer = pick->offer;
    set_stage(job, Stage::running);
    set_deadline(job, now + job.entry.timeout + kTimeoutGrace);
    emit(ActionKind::start_job, ActionCause::fits, job, "");
  }
  for (const JobId id : newly_ready_) {
    const auto found = jobs_.find(id);
    if (found == jobs_.end() || found->second.stage != Stage::ready) continue;
    set_deadline(found->second, now + kQueueLimit);
  }
  newly_ready_.clear();
  return std::exchange(actions_, {});
}

std::optional<Timestamp> Scheduler::State::next_deadline() const {
  if (deadlines_.empty()) return std::nullopt;
  return deadlines_.begin()->first;
}

Hold Scheduler::State::why_waiting(JobId id) const {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return {};
  const Job& job = found->second;
  switch (job.stage) {
    case Stage::running:
      return {};
    case Stage::legs:
      return {HoldKind::max_parallel,
              "waiting for another job of the matrix to end, max-parallel is " +
                  std::to_string(job.entry.max_parallel)};
    case Stage::group:
      return {HoldKind::concurrency,
              "waiting for concurrency group '" + job.entry.concurrency->group + "'"};
    case Stage::ready:
      return {HoldKind::capacity, "waiting for room, " + std::to_string(queue_.running()) + " of " +
                                      std::to_string(queue_.capacity().jobs) + " jobs run"};
  }
  return {};
}

Hold Scheduler::State::why_waiting(RunId id) const {
  const auto found = runs_.find(id);
  if (found == runs_.end() || found->second.released) return {};
  return {HoldKind::concurrency,
          "waiting for concurrency group '" + found->second.entry.concurrency->group + "'"};
}

Load Scheduler::State::load() const {
  return {queue_.running(), ready_, held_, runs_waiting_};
}

Scheduler::Scheduler(Capacity capacity) : state_(std::make_unique<State>(std::move(capacity))) {}
Scheduler::~Scheduler() = default;
Scheduler::Scheduler(Scheduler&&) noexcept = default;
Scheduler& Scheduler::operator=(Scheduler&&) noexcept = default;

void Scheduler::set_capacity(Capacity capacity) {
  state_->set_capacity(std::move(capacity));
}
void Scheduler::add_run(const RunEntry& run) {
  state_->add_run(run);
}
void Scheduler::add_job(const JobEntry& job) {
  state_->add_job(job);
}
void Scheduler::job_finished(JobId job) {
  state_->job_finished(job);
}
void Scheduler::run_finished(RunId run) {
  state_->run_finished(run);
}
void Scheduler::cancel_job(JobId job, std::string reason) {
  state_->cancel_job(job, ActionCause::asked, std::move(reason));
}
void Scheduler::cancel_run(RunId run, std::string reason) {
  state_->cancel_run(run, ActionCause::asked, std::move(reason));
}
std::vector<Action> Scheduler::decide(Timestamp now) {
  return state_->decide(now);
}
std::optional<Timestamp> Scheduler::next_deadline() const {
  return state_->next_deadline();
}
Hold Scheduler::why_waiting(JobId job) const {
  return state_->why_waiting(job);
}
Hold Scheduler::why_waiting(RunId run) const {
  return state_->why_waiting(run);
}
Load Scheduler::load() const {
  return state_->load();
}

}  // namespace gantry::core::run
