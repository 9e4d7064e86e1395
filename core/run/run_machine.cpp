// SPDX-License-Identifier: MIT
#include "core/run/run_machine.hpp"

#include "core/base/text.hpp"
#include "core/run/job_plan.hpp"
#include "core/run/selection.hpp"

#include <algorithm>

namespace gantry::core::run {
namespace {

using workflow::Job;

// The four words of needs.<id>.result.
Conclusion as_result(Conclusion conclusion) {
  switch (conclusion) {
    case Conclusion::success:
    case Conclusion::neutral:
      return Conclusion::success;
    case Conclusion::cancelled:
      return Conclusion::cancelled;
    case Conclusion::skipped:
      return Conclusion::skipped;
    case Conclusion::failure:
    case Conclusion::timed_out:
    case Conclusion::action_required:
    case Conclusion::startup_failure:
      return Conclusion::failure;
  }
  return Conclusion::failure;
}

}  // namespace

class RunMachine::State {
 public:
  State(std::shared_ptr<const workflow::Workflow> workflow, RunContexts contexts);

  Effects restore(const std::vector<RecordedJob>& rows, std::optional<std::string> cancel_reason);
  Effects leg_finished(const LegKey& key, Conclusion how, const Outputs& outputs);
  Effects cancel(const std::string& reason);
  expr::Value needs_context(std::string_view job_id) const;

  std::shared_ptr<const workflow::Workflow> workflow;  // shared with runs of the same commit
  RunContexts contexts;
  std::optional<Conclusion> conclusion;

 private:
  struct Leg {
    std::string name;
    std::optional<Conclusion> conclusion;
    bool exists = false, tolerated = false, kept = false, cancel_asked = false;

    bool is_open() const { return exists && !conclusion; }
  };
  struct JobState {
    const Job* job = nullptr;
    std::vector<std::size_t> needs, ancestors;
    std::vector<Leg> legs;
    bool planned = false;  // all its legs exist, or it was skipped or failed
    bool fail_fast = true;
    std::optional<Conclusion> result;
    expr::Object outputs;
  };

  std::size_t index_of(std::string_view job_id) const;
  void find_ancestors(std::size_t index);
  Ancestry status_of(const JobState& state) const;
  expr::Object contexts_of(const JobState& state) const;
  void load(const RecordedJob& row);
  void finish_leg(JobState& state, Leg& leg, Conclusion how, const Outputs& outputs);
  void fail_fast(JobState& state, Effects& effects);
  void cancel_legs(JobState& state, const std::string& reason, Effects& effects);
  void cancel_running(const std::string& reason, Effects& effects);
  void settle(JobState& state);
  bool is_ready(const JobState& state) const;
  void plan(JobState& state, Effects& effects);
  void create(JobState& state, std::vector<CreateLeg> legs, Effects& effects);
  void close(JobState& state, Conclusion result);
  Effects advance(Effects effects);
  Conclusion run_conclusion() const;

  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  std::vector<JobState> jobs_;
  bool cancelled_ = false;
};

RunMachine::State::State(std::shared_ptr<const workflow::Workflow> workflow_in,
                         RunContexts contexts_in)
    : contexts(std::move(contexts_in)) {
  workflow = select_jobs(std::move(workflow_in), selection_of(contexts.github["event"]));
  for (const Job& job : workflow->jobs) {
    JobState state;
    state.job = &job;
    jobs_.push_back(std::move(state));
  }
  for (JobState& state : jobs_) {
    for (const auto& need : state.job->needs) {
      const std::size_t index = index_of(need.value);
      if (index != kNone) state.needs.push_back(index);
    }
  }
  for (std::size_t i = 0; i < jobs_.size(); ++i)
    find_ancestors(i);
}

std::size_t RunMachine::State::index_of(std::string_view job_id) const {
  for (std::size_t i = 0; i < jobs_.size(); ++i) {
    if (equals_ignoring_case(jobs_[i].job->id, job_id)) return i;
  }
  return kNone;
}

void RunMachine::State::find_ancestors(std::size_t index) {
  std::vector<bool> seen(jobs_.size());
  std::vector<std::size_t> open = jobs_[index].needs;
  while (!open.empty()) {
    const std::size_t at = open.back();
    open.pop_back();
    if (seen[at]) continue;
    seen[at] = true;
    open.insert(open.end(), jobs_[at].needs.begin(), jobs_[at].needs.end());
  }
  for (std::size_t i = 0; i < jobs_.size(); ++i) {
    if (seen[i]) jobs_[index].ancestors.push_back(i);
  }
}

Ancestry RunMachine::State::status_of(const JobState& state) const {
  Ancestry status{.run_cancelled = cancelled_};
  for (const std::size_t index : state.ancestors) {
    const JobState& ancestor = jobs_[index];
    status.ancestors.emplace_back(ancestor.job->id, ancestor.result.value_or(Conclusion::skipped));
  }
  return status;
}

expr::Object RunMachine::State::contexts_of(const JobState& state) const {
  expr::Object all;
  all.set("github", contexts.github);
  all.set("vars", contexts.vars);
  all.set("inputs", contexts.inputs);
  all.set("needs", needs_context(state.job->id));
  return all;
}

expr::Value RunMachine::State::needs_context(std::string_view job_id) const {
  expr::Object needs;
  const std::size_t index = index_of(job_id);
  if (index == kNone) return needs;
  for (const std::size_t need : jobs_[index].needs) {
    const JobState& needed = jobs_[need];
    if (!needed.result) continue;
    expr::Object entry;
    entry.set("result", to_string(*needed.result));
    entry.set("outputs", needed.outputs);
    needs.set(needed.job->id, std::move(entry));
  }
  return needs;
}

void RunMachine::State::load(const RecordedJob& row) {
  const std::size_t index = index_of(row.key.job_id);
  const bool usable = index != kNone && row.key.leg >= 0 && row.key.leg < row.leg_total;
  if (!usable) return;
  JobState& state = jobs_[index];
  const auto total = static_cast<std::size_t>(row.leg_total);
  if (state.legs.size() < total) state.legs.resize(total);
  Leg& leg = state.legs[static_cast<std::size_t>(row.key.leg)];
  leg.exists = true;
  leg.name = row.name;
  leg.tolerated = row.continue_on_error;
  leg.kept = row.kept;
  state.fail_fast = row.fail_fast;
  if (row.conclusion) finish_leg(state, leg, *row.conclusion, row.outputs);
}

Effects RunMachine::State::restore(const std::vector<RecordedJob>& rows,
                                   std::optional<std::string> cancel_reason) {
  for (const RecordedJob& row : rows)
    load(row);
  Effects effects;
  cancelled_ = cancelled_ || cancel_reason.has_value();
  for (JobState& state : jobs_) {
    state.planned = !state.legs.empty() && std::all_of(state.legs.begin(), state.legs.end(),
                                                       [](const Leg& leg) { return leg.exists; });
    settle(state);
    if (state.planned) fail_fast(state, effects);
  }
  if (cancel_reason) cancel_running(*cancel_reason, effects);
  return advance(std::move(effects));
}

Effects RunMachine::State::leg_finished(const LegKey& key, Conclusion how, const Outputs& outputs) {
  const std::size_t index = index_of(key.job_id);
  if (index == kNone) return {};
  JobState& state = jobs_[index];
  const auto at = static_cast<std::size_t>(key.leg);
  if (key.leg < 0 || at >= state.legs.size() || !state.legs[at].is_open()) return {};
  finish_leg(state, state.legs[at], how, outputs);
  Effects effects;
  fail_fast(state, effects);
  settle(state);
  return advance(std::move(effects));
}

void RunMachine::State::finish_leg(JobState& state, Leg& leg, Conclusion how,
                                   const Outputs& outputs) {
  leg.conclusion = as_result(how);
  // Legs write the same names: the last one to end with a value wins.
  for (const auto& [name, value] : outputs) {
    if (!value.empty()) state.outputs.set(name, value);
  }
}

void RunMachine::State::fail_fast(JobState& state, Effects& effects) {
  if (!state.fail_fast) return;
  for (const Leg& leg : state.legs) {
    if (leg.conclusion != Conclusion::failure || leg.tolerated || leg.kept) continue;
    return cancel_legs(
        state, "The strategy configuration was canceled because \"" + leg.name + "\" failed",
        effects);
  }
}

void RunMachine::State::cancel_legs(JobState& state, const std::string& reason, Effects& effects) {
  for (std::size_t i = 0; i < state.legs.size(); ++i) {
    Leg& leg = state.legs[i];
    if (!leg.is_open() || leg.cancel_asked) continue;
    leg.cancel_asked = true;
    effects.push_back(CancelLeg{{state.job->id, static_cast<int>(i)}, reason});
  }
}

Effects RunMachine::State::cancel(const std::string& reason) {
  if (cancelled_ || conclusion) return {};
  cancelled_ = true;
  Effects effects;
  cancel_running(reason, effects);
  return advance(std::move(effects));
}

// A running job goes on when its condition holds in a cancelled run too.
void RunMachine::State::cancel_running(const std::string& reason, Effects& effects) {
  for (JobState& state : jobs_) {
    if (state.result || state.legs.empty()) continue;
    const auto condition = evaluate_condition(*state.job, contexts_of(state), status_of(state));
    if (condition && condition->holds) continue;
    cancel_legs(state, reason, effects);
  }
}

// Concludes a job all of whose legs have ended.
void RunMachine::State::settle(JobState& state) {
  if (!state.planned || state.result) return;
  bool failed = false, cancelled = false, all_skipped = true;
  for (const Leg& leg : state.legs) {
    if (!leg.conclusion) return;
    failed = failed || (*leg.conclusion == Conclusion::failure && !leg.tolerated);
    cancelled = cancelled || *leg.conclusion == Conclusion::cancelled;
    all_skipped = all_skipped && *leg.conclusion == Conclusion::skipped;
  }
  state.result = failed        ? Conclusion::failure
                 : cancelled   ? Conclusion::cancelled
                 : all_skipped ? Conclusion::skipped
                               : Conclusion::success;
}

bool RunMachine::State::is_ready(const JobState& state) const {
  return !state.planned && std::all_of(state.needs.begin(), state.needs.end(),
                                       [&](std::size_t i) { return jobs_[i].result.has_value(); });
}

// A job that never has legs: skipped or impossible.
void RunMachine::State::close(JobState& state, Conclusion result) {
  state.planned = true;
  state.result = result;
}

void RunMachine::State::plan(JobState& state, Effects& effects) {
  const Job& job = *state.job;
  const LegKey key{job.id, 0};
  const expr::Object all = contexts_of(state);
  auto condition = evaluate_condition(job, all, status_of(state));
  if (!condition) {
    effects.push_back(FailJob{key, plain_name(job), std::move(condition.error())});
    return close(state, Conclusion::failure);
  }
  if (!condition->holds) {
    effects.push_back(
        SkipJob{key, plain_name(job), condition_text(job), std::move(condition->because)});
    return close(state, Conclusion::skipped);
  }
  auto legs = plan_legs(job, all);
  if (!legs) {
    effects.push_back(FailJob{key, plain_name(job), std::move(legs.error())});
    return close(state, Conclusion::failure);
  }
  create(state, *std::move(legs), effects);
}

// Legs that a rerun kept stay as they are.
void RunMachine::State::create(JobState& state, std::vector<CreateLeg> legs, Effects& effects) {
  state.planned = true;
  state.legs.resize(legs.size());
  state.fail_fast = legs.front().fail_fast;
  for (std::size_t i = 0; i < legs.size(); ++i) {
    Leg& leg = state.legs[i];
    if (leg.exists) continue;
    leg.exists = true;
    leg.name = legs[i].name;
    leg.tolerated = legs[i].continue_on_error;
    effects.push_back(std::move(legs[i]));
  }
  settle(state);
}

Effects RunMachine::State::advance(Effects effects) {
  for (bool moved = true; moved;) {
    moved = false;
    for (JobState& state : jobs_) {
      if (!is_ready(state)) continue;
      plan(state, effects);
      moved = true;
    }
  }
  const bool all_done = std::all_of(jobs_.begin(), jobs_.end(),
                                    [](const JobState& state) { return state.result.has_value(); });
  if (all_done && !conclusion) {
    conclusion = run_conclusion();
    effects.push_back(CompleteRun{*conclusion});
  }
  return effects;
}

Conclusion RunMachine::State::run_conclusion() const {
  bool failed = false, cancelled = false, all_skipped = true;
  for (const JobState& state : jobs_) {
    failed = failed || state.result == Conclusion::failure;
    // Cancelling a run whose every job ended well anyway changed nothing.
    cancelled = cancelled || state.result == Conclusion::cancelled ||
                (cancelled_ && state.result == Conclusion::skipped);
    all_skipped = all_skipped && state.result == Conclusion::skipped;
  }
  if (failed) return Conclusion::failure;
  if (cancelled) return Conclusion::cancelled;
  return all_skipped ? Conclusion::skipped : Conclusion::success;
}

RunMachine::RunMachine(std::shared_ptr<const workflow::Workflow> workflow, RunContexts contexts)
    : state_(std::make_unique<State>(std::move(workflow), std::move(contexts))) {}
RunMachine::~RunMachine() = default;
RunMachine::RunMachine(RunMachine&&) noexcept = default;
RunMachine& RunMachine::operator=(RunMachine&&) noexcept = default;

Effects RunMachine::start() {
  return state_->restore({}, std::nullopt);
}
Effects RunMachine::restore(const std::vector<RecordedJob>& jobs,
                            std::optional<std::string> cancel_reason) {
  return state_->restore(jobs, std::move(cancel_reason));
}
Effects RunMachine::leg_finished(const LegKey& key, Conclusion conclusion, const Outputs& outputs) {
  return state_->leg_finished(key, conclusion, outputs);
}
Effects RunMachine::cancel(const std::string& reason) {
  return state_->cancel(reason);
}
expr::Value RunMachine::needs_context(std::string_view job_id) const {
  return state_->needs_context(job_id);
}
const RunContexts& RunMachine::contexts() const {
  return state_->contexts;
}
const workflow::Workflow& RunMachine::workflow() const {
  return *state_->workflow;
}
std::optional<Conclusion> RunMachine::conclusion() const {
  return state_->conclusion;
}

}  // namespace gantry::core::run
