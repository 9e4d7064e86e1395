// SPDX-License-Identifier: MIT
#include "core/run/run_machine.hpp"

#include "core/base/text.hpp"
#include "core/run/explain.hpp"
#include "core/run/run_state.hpp"
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

RunMachine::State::State(std::shared_ptr<const workflow::Workflow> workflow_in,
                         RunContexts contexts_in,
                         std::shared_ptr<const workflow::LoadedWorkflow> loaded_in)
    : loaded(std::move(loaded_in)), contexts(std::move(contexts_in)) {
  workflow = select_jobs(std::move(workflow_in), selection_of(contexts.github["event"]));
  Scope& first = scopes_.emplace_back();
  first.workflow = workflow.get();
  first.calls = loaded ? &loaded->calls : nullptr;
  first.permissions = workflow::Permissions::of(workflow->permissions);
  first.inputs = contexts.inputs;
  first.opened = true;
  if (loaded) run_group_ = run_concurrency(*workflow, contexts).concurrency;
  add_jobs(0);
}

void RunMachine::State::add_jobs(std::size_t at) {
  Scope& scope = scopes_[at];
  for (const Job& job : scope.workflow->jobs) {
    scope.jobs.push_back(jobs_.size());
    JobState& state = jobs_.emplace_back();
    state.job = &job;
    state.id = scope.prefix + job.id;
    state.scope = at;
  }
  for (const std::size_t index : scope.jobs) {
    for (const auto& need : jobs_[index].job->needs) {
      const std::size_t needed = index_of(scope.prefix + need.value);
      if (needed != kNone) jobs_[index].needs.push_back(needed);
    }
  }
  for (const std::size_t index : scope.jobs)
    find_ancestors(index);
}

std::size_t RunMachine::State::index_of(std::string_view id) const {
  for (std::size_t i = 0; i < jobs_.size(); ++i) {
    if (equals_ignoring_case(jobs_[i].id, id)) return i;
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

bool RunMachine::State::is_cancelled(std::size_t at) const {
  for (; at != kNone; at = at == 0 ? kNone : jobs_[scopes_[at].caller].scope) {
    if (scopes_[at].cancelled) return true;
  }
  return false;
}

Ancestry RunMachine::State::status_of(const JobState& state) const {
  Ancestry status{.run_cancelled = is_cancelled(state.scope)};
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
  all.set("inputs", scopes_[state.scope].inputs);
  all.set("needs", needs_context(state.id));
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

// False: its call has not begun (again) yet.
bool RunMachine::State::load(const RecordedJob& row) {
  const std::size_t index = index_of(row.key.job_id);
  if (index == kNone) return false;
  JobState& state = jobs_[index];
  if (state.job->uses) {  // a call has a row where it was skipped or could not be carried out
    if (row.conclusion == Conclusion::skipped) close(state, Conclusion::skipped);
    state.recorded.insert(row.key.leg);
    return true;
  }
  const bool usable = row.key.leg >= 0 && row.key.leg < row.leg_total;
  if (!usable) return true;
  const auto total = static_cast<std::size_t>(row.leg_total);
  if (state.legs.size() < total) state.legs.resize(total);
  Leg& leg = state.legs[static_cast<std::size_t>(row.key.leg)];
  leg.exists = true;
  leg.name = row.name;
  leg.tolerated = row.continue_on_error;
  leg.kept = row.kept;
  state.fail_fast = row.fail_fast;
  if (row.conclusion) finish_leg(state, leg, *row.conclusion, row.outputs);
  return true;
}

std::optional<Explanation> RunMachine::State::explain(std::string_view job_id) const {
  const std::size_t index = index_of(job_id);
  if (index == kNone) return std::nullopt;
  const JobState& state = jobs_[index];
  Explanation explanation = explain_condition(*state.job, contexts_of(state), status_of(state));
  for (const std::size_t need : state.needs)
    explanation.needs.emplace_back(jobs_[need].job->id, jobs_[need].result);
  return explanation;
}

// What the rows of a scope's jobs mean.
void RunMachine::State::take_up(std::size_t at, Effects& effects) {
  for (const std::size_t index : scopes_[at].jobs) {
    JobState& state = jobs_[index];
    if (state.planned) continue;
    state.planned = !state.legs.empty() && std::all_of(state.legs.begin(), state.legs.end(),
                                                       [](const Leg& leg) { return leg.exists; });
    settle(state);
    if (state.planned) fail_fast(state, effects);
  }
}

Effects RunMachine::State::restore(const std::vector<RecordedJob>& rows,
                                   std::optional<std::string> cancel_reason) {
  for (const RecordedJob& row : rows) {
    if (!load(row)) unplaced_.push_back(row);
  }
  Effects effects;
  take_up(0, effects);
  if (cancel_reason) cancel_scope(0, *cancel_reason, effects);
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
    if (!state.job->uses) {
      effects.push_back(CancelLeg{{state.id, static_cast<int>(i)}, reason});
    } else if (leg.scope != kNone && scopes_[leg.scope].opened) {
      cancel_scope(leg.scope, reason, effects);
    } else {  // nothing of it has begun
      if (leg.scope != kNone) leave(scopes_[leg.scope], effects);
      finish_leg(state, leg, Conclusion::cancelled, {});
    }
  }
}

Effects RunMachine::State::cancel(const std::string& reason) {
  if (scopes_[0].cancelled || conclusion) return {};
  Effects effects;
  cancel_scope(0, reason, effects);
  return advance(std::move(effects));
}

// A running job goes on when its condition holds in a cancelled run too; so do those of a call.
void RunMachine::State::cancel_scope(std::size_t at, const std::string& reason, Effects& effects) {
  scopes_[at].cancelled = true;
  for (const std::size_t index : scopes_[at].jobs) {
    JobState& state = jobs_[index];
    if (state.result || state.legs.empty()) continue;
    const auto condition = evaluate_condition(*state.job, contexts_of(state), status_of(state));
    const bool goes_on = condition && condition->holds;
    if (!goes_on) cancel_legs(state, reason, effects);
    for (const Leg& leg : state.legs) {
      const bool nested = goes_on && leg.scope != kNone && scopes_[leg.scope].opened;
      if (nested && leg.is_open()) cancel_scope(leg.scope, reason, effects);
    }
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

void RunMachine::State::fail(JobState& state, yaml::Diagnostic diagnostic, Effects& effects) {
  const Scope& scope = scopes_[state.scope];
  if (!state.recorded.contains(0)) {
    effects.push_back(FailJob{{state.id, 0},
                              scope.name_prefix + plain_name(*state.job),
                              std::move(diagnostic),
                              scope.workflow->file});
  }
  close(state, Conclusion::failure);
}

void RunMachine::State::plan(JobState& state, Effects& effects) {
  const Job& job = *state.job;
  const expr::Object all = contexts_of(state);
  auto condition = evaluate_condition(job, all, status_of(state));
  if (!condition) return fail(state, std::move(condition.error()), effects);
  // A call that has begun before a restart has held its condition, even if it was cancelled since.
  if (!condition->holds && !(job.uses && has_begun(state.id))) {
    effects.push_back(SkipJob{{state.id, 0},
                              scopes_[state.scope].name_prefix + plain_name(job),
                              condition_text(job),
                              std::move(condition->because)});
    return close(state, Conclusion::skipped);
  }
  auto legs = plan_legs(job, all);
  if (!legs) return fail(state, std::move(legs.error()), effects);
  for (CreateLeg& leg : *legs) {
    leg.key.job_id = state.id;
    leg.name = scopes_[state.scope].name_prefix + leg.name;
    // A group that an enclosing call holds would never be free for its own job.
    const std::string deadlock = leg.concurrency && (state.scope != 0 || job.uses)
                                     ? deadlock_of(state.scope, *leg.concurrency)
                                     : "";
    if (deadlock.empty()) continue;
    return fail(state, diagnostic_at(job.concurrency.position, deadlock), effects);
  }
  if (job.uses) return create_calls(state, *std::move(legs), effects);
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
    moved = end_calls(effects);
    // Opening a call adds jobs behind the last one.
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
      if (!is_ready(jobs_[i])) continue;
      plan(jobs_[i], effects);
      moved = true;
    }
  }
  const auto& jobs = scopes_[0].jobs;
  const bool all_done = std::all_of(jobs.begin(), jobs.end(),
                                    [&](std::size_t i) { return jobs_[i].result.has_value(); });
  if (all_done && !conclusion) {
    conclusion = conclusion_of(0);
    effects.push_back(CompleteRun{*conclusion});
  }
  return effects;
}

Conclusion RunMachine::State::conclusion_of(std::size_t at) const {
  bool failed = false, cancelled = false, all_skipped = true;
  for (const std::size_t index : scopes_[at].jobs) {
    const JobState& state = jobs_[index];
    failed = failed || state.result == Conclusion::failure;
    // Cancelling a run whose every job ended well anyway changed nothing.
    cancelled = cancelled || state.result == Conclusion::cancelled ||
                (is_cancelled(at) && state.result == Conclusion::skipped);
    all_skipped = all_skipped && state.result == Conclusion::skipped;
  }
  if (failed) return Conclusion::failure;
  if (cancelled) return Conclusion::cancelled;
  return all_skipped ? Conclusion::skipped : Conclusion::success;
}

RunMachine::RunMachine(std::shared_ptr<const workflow::Workflow> workflow, RunContexts contexts,
                       std::shared_ptr<const workflow::LoadedWorkflow> loaded)
    : state_(std::make_unique<State>(std::move(workflow), std::move(contexts), std::move(loaded))) {
}
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
Effects RunMachine::group_entered(const LegKey& call) {
  return state_->group_entered(call);
}
Effects RunMachine::cancel_call(const LegKey& call, const std::string& reason) {
  return state_->cancel_call(call, reason);
}
JobPlace RunMachine::place_of(std::string_view job_id) const {
  return state_->place_of(job_id);
}
expr::Value RunMachine::needs_context(std::string_view job_id) const {
  return state_->needs_context(job_id);
}
std::optional<Explanation> RunMachine::explain(std::string_view job_id) const {
  return state_->explain(job_id);
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
