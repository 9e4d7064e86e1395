// SPDX-License-Identifier: MIT
// The run machine's calls of reusable workflows.
#include "core/base/text.hpp"
#include "core/run/run_state.hpp"

#include <algorithm>

namespace gantry::core::run {
namespace {

// "caller." or, with a matrix, "caller[1].": ids hold neither dot nor bracket.
std::string prefix_of(const std::string& id, std::size_t leg, std::size_t legs) {
  return legs == 1 ? id + "." : id + "[" + std::to_string(leg) + "].";
}

}  // namespace

LegKey RunMachine::State::call_key(const Scope& scope) const {
  return {jobs_[scope.caller].id, static_cast<int>(scope.leg)};
}

// Jobs of the call, or of the leg, are recorded and stand in no scope yet.
bool RunMachine::State::has_begun(const std::string& call) const {
  return std::any_of(unplaced_.begin(), unplaced_.end(), [&](const RecordedJob& row) {
    const std::string_view id = row.key.job_id;
    if (id.size() <= call.size() || !equals_ignoring_case(id.substr(0, call.size()), call)) {
      return false;
    }
    return id[call.size()] == '.' || id[call.size()] == '[';
  });
}

expr::Object RunMachine::State::call_contexts(const JobState& state, const Leg& leg) const {
  expr::Object all = contexts_of(state);
  all.set("matrix", leg.matrix);
  all.set("strategy", leg.strategy);
  return all;
}

void RunMachine::State::create_calls(JobState& state, std::vector<CreateLeg> legs,
                                     Effects& effects) {
  state.planned = true;
  state.legs.resize(legs.size());
  state.fail_fast = legs.front().fail_fast;
  state.max_parallel = legs.front().max_parallel;
  for (std::size_t i = 0; i < legs.size(); ++i) {
    Leg& leg = state.legs[i];
    leg.exists = true;
    leg.name = std::move(legs[i].name);
    leg.matrix = std::move(legs[i].matrix);
    leg.strategy = std::move(legs[i].strategy);
    leg.concurrency = std::move(legs[i].concurrency);
  }
  begin_calls(state, effects);
}

// As many legs as max-parallel lets.
void RunMachine::State::begin_calls(JobState& state, Effects& effects) {
  const auto running = [&] {
    return std::count_if(state.legs.begin(), state.legs.end(),
                         [](const Leg& leg) { return leg.scope != kNone && !leg.conclusion; });
  };
  for (std::size_t i = 0; i < state.legs.size(); ++i) {
    if (state.max_parallel > 0 && running() >= state.max_parallel) break;
    if (state.legs[i].scope == kNone && state.legs[i].is_open()) begin_call(state, i, effects);
  }
  fail_fast(state, effects);
  settle(state);
}

// A call that cannot be carried out.
void RunMachine::State::fail_call(JobState& state, std::size_t index, yaml::Diagnostic diagnostic,
                                  Effects& effects) {
  Leg& leg = state.legs[index];
  diagnostic.message = "Error when calling '" + state.job->uses->value + "' from job '" +
                       state.job->id + "'. " + diagnostic.message;
  const auto number = static_cast<int>(index);
  if (!state.recorded.contains(number)) {
    effects.push_back(FailJob{
        {state.id, number}, leg.name, std::move(diagnostic), scopes_[state.scope].workflow->file});
  }
  finish_leg(state, leg, Conclusion::failure, {});
}

void RunMachine::State::begin_call(JobState& state, std::size_t index, Effects& effects) {
  const Scope& outer = scopes_[state.scope];
  const workflow::LoadedWorkflow* callee = nullptr;
  if (outer.calls != nullptr) {
    for (const auto& call : *outer.calls) {
      if (call.job_id == state.job->id && !call.workflow.empty()) callee = &call.workflow.front();
    }
  }
  const yaml::Position position = state.job->uses->position;
  if (callee == nullptr) {
    return fail_call(state, index, diagnostic_at(position, "It was not loaded"), effects);
  }
  Leg& leg = state.legs[index];
  const expr::Object all = call_contexts(state, leg);
  auto inputs = call_inputs(*state.job, callee->workflow, all);
  if (!inputs) return fail_call(state, index, std::move(inputs.error()), effects);
  Scope scope;
  scope.workflow = &callee->workflow;
  scope.calls = &callee->calls;
  scope.permissions = callee->permissions;
  scope.prefix = prefix_of(state.id, index, state.legs.size());
  scope.name_prefix = leg.name + " / ";
  scope.inputs = *std::move(inputs);
  scope.secrets = outer.secrets;
  scope.secrets.push_back({&state.job->secrets, all});
  scope.caller = index_of(state.id);
  scope.leg = index;
  const std::string problem = find_groups(scope, state, leg);
  if (!problem.empty()) return fail_call(state, index, diagnostic_at(position, problem), effects);
  leg.scope = scopes_.size();
  scopes_.push_back(std::move(scope));
  const Scope& made = scopes_.back();
  if (made.groups.empty()) return open(leg.scope, effects);
  const bool held = has_begun(made.prefix.substr(0, made.prefix.size() - 1));
  effects.push_back(EnterGroup{call_key(made), made.groups.front(), held});
}

// The group of the calling job, then that of the called workflow. Not empty: what is wrong.
std::string RunMachine::State::find_groups(Scope& scope, const JobState& state,
                                           const Leg& leg) const {
  if (leg.concurrency) scope.groups.push_back(*leg.concurrency);
  auto own = run_concurrency(*scope.workflow, {contexts.github, contexts.vars, scope.inputs});
  if (own.diagnostic) return own.diagnostic->message;
  if (!own.concurrency) return "";
  const bool twice =
      leg.concurrency && equals_ignoring_case(leg.concurrency->group, own.concurrency->group);
  std::string problem = deadlock_of(state.scope, *own.concurrency);
  if (!twice) scope.groups.push_back(*std::move(own.concurrency));
  return problem;
}

// What an enclosing workflow holds, a part of it can never get.
std::string RunMachine::State::deadlock_of(std::size_t at, const Concurrency& wanted) const {
  const auto same = [&](const Concurrency& held) {
    return equals_ignoring_case(held.group, wanted.group);
  };
  std::string holder = run_group_ && same(*run_group_) ? "top level workflow" : "";
  for (; at != 0; at = jobs_[scopes_[at].caller].scope) {
    const auto& groups = scopes_[at].groups;
    if (std::any_of(groups.begin(), groups.end(), same)) holder = jobs_[scopes_[at].caller].id;
  }
  if (holder.empty()) return "";
  return "Canceling since a deadlock for concurrency group '" + wanted.group +
         "' was detected between '" + holder + "' and 'job'";
}

void RunMachine::State::open(std::size_t at, Effects& effects) {
  scopes_[at].opened = true;
  add_jobs(at);
  std::vector<RecordedJob> rows;
  rows.swap(unplaced_);
  for (RecordedJob& row : rows) {
    if (!load(row)) unplaced_.push_back(std::move(row));
  }
  take_up(at, effects);
  if (is_cancelled(at)) cancel_scope(at, "the run was cancelled", effects);
}

RunMachine::State::Scope* RunMachine::State::scope_of(const LegKey& call) {
  const std::size_t index = index_of(call.job_id);
  if (index == kNone || call.leg < 0) return nullptr;
  const JobState& state = jobs_[index];
  const auto leg = static_cast<std::size_t>(call.leg);
  if (leg >= state.legs.size() || state.legs[leg].scope == kNone) return nullptr;
  return state.legs[leg].is_open() ? &scopes_[state.legs[leg].scope] : nullptr;
}

Effects RunMachine::State::group_entered(const LegKey& call) {
  Scope* scope = scope_of(call);
  if (scope == nullptr || scope->opened) return {};
  Effects effects;
  if (++scope->entered < scope->groups.size()) {
    effects.push_back(EnterGroup{call, scope->groups[scope->entered], false});
    return effects;
  }
  open(jobs_[scope->caller].legs[scope->leg].scope, effects);
  return advance(std::move(effects));
}

Effects RunMachine::State::cancel_call(const LegKey& call, const std::string& reason) {
  Scope* scope = scope_of(call);
  if (scope == nullptr) return {};
  Effects effects;
  JobState& state = jobs_[scope->caller];
  Leg& leg = state.legs[scope->leg];
  if (scope->opened) {
    cancel_scope(leg.scope, reason, effects);
  } else {
    leave(*scope, effects);
    finish_leg(state, leg, Conclusion::cancelled, {});
  }
  return advance(std::move(effects));
}

void RunMachine::State::leave(Scope& scope, Effects& effects) {
  if (!scope.groups.empty()) effects.push_back(LeaveGroups{call_key(scope)});
}

// Ends the calls all of whose jobs have ended, and begins those that waited for them.
bool RunMachine::State::end_calls(Effects& effects) {
  bool ended = false;
  for (std::size_t i = 1; i < scopes_.size(); ++i) {
    const Scope& scope = scopes_[i];
    const Leg& leg = jobs_[scope.caller].legs[scope.leg];
    if (!scope.opened || !leg.is_open()) continue;
    const bool all_done = std::all_of(scope.jobs.begin(), scope.jobs.end(),
                                      [&](std::size_t job) { return jobs_[job].result; });
    if (!all_done) continue;
    end_call(i, effects);
    ended = true;
  }
  for (JobState& state : jobs_) {
    if (state.job->uses && state.planned) settle(state);
  }
  return ended;
}

void RunMachine::State::end_call(std::size_t at, Effects& effects) {
  Scope& scope = scopes_[at];
  JobState& state = jobs_[scope.caller];
  expr::Object all, jobs;
  for (const std::size_t index : scope.jobs) {
    expr::Object entry;
    entry.set("result", to_string(*jobs_[index].result));
    entry.set("outputs", jobs_[index].outputs);
    jobs.set(jobs_[index].job->id, std::move(entry));
  }
  all.set("github", contexts.github);
  all.set("vars", contexts.vars);
  all.set("inputs", scope.inputs);
  all.set("jobs", std::move(jobs));
  leave(scope, effects);
  auto outputs = call_outputs(*scope.workflow, all);
  if (!outputs) {
    fail_call(state, scope.leg, std::move(outputs.error()), effects);
  } else {
    finish_leg(state, state.legs[scope.leg], conclusion_of(at), *outputs);
  }
  fail_fast(state, effects);
  begin_calls(state, effects);
}

JobPlace RunMachine::State::place_of(std::string_view job_id) const {
  const std::size_t index = index_of(job_id);
  if (index == kNone) return {};
  const JobState& state = jobs_[index];
  const Scope& scope = scopes_[state.scope];
  JobPlace place{scope.workflow, state.job, scope.inputs, scope.secrets, scope.permissions};
  if (auto own = workflow::Permissions::of(state.job->permissions)) place.permissions = own;
  return place;
}

}  // namespace gantry::core::run
