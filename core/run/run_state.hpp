// SPDX-License-Identifier: MIT
// Part of the run machine: its state. The jobs of a called workflow stand in a scope of their own
// beside those of its caller; scopes are opened as their calls start and never leave.
#pragma once

#include "core/run/job_plan.hpp"
#include "core/run/run_machine.hpp"

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace gantry::core::run {

class RunMachine::State {
 public:
  State(std::shared_ptr<const workflow::Workflow> workflow, RunContexts contexts,
        std::shared_ptr<const workflow::LoadedWorkflow> loaded);

  Effects restore(const std::vector<RecordedJob>& rows, std::optional<std::string> cancel_reason);
  Effects leg_finished(const LegKey& key, Conclusion how, const Outputs& outputs);
  Effects cancel(const std::string& reason);
  Effects group_entered(const LegKey& call);
  Effects cancel_call(const LegKey& call, const std::string& reason);
  expr::Value needs_context(std::string_view job_id) const;
  JobPlace place_of(std::string_view job_id) const;
  std::optional<Explanation> explain(std::string_view job_id) const;

  std::shared_ptr<const workflow::Workflow> workflow;      // shared with runs of the same commit
  std::shared_ptr<const workflow::LoadedWorkflow> loaded;  // likewise
  RunContexts contexts;
  std::optional<Conclusion> conclusion;

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  struct Leg {
    std::string name;
    std::optional<Conclusion> conclusion;
    bool exists = false, tolerated = false, kept = false, cancel_asked = false;
    // Of a call.
    expr::Value matrix, strategy;
    std::optional<Concurrency> concurrency;
    std::size_t scope = kNone;  // once it has begun

    bool is_open() const { return exists && !conclusion; }
  };
  struct JobState {
    const workflow::Job* job = nullptr;
    std::string id;         // of the whole run: "caller.job"
    std::size_t scope = 0;  // where it stands
    std::vector<std::size_t> needs, ancestors;
    std::vector<Leg> legs;
    bool planned = false;  // all its legs exist, or it was skipped or failed
    bool fail_fast = true;
    int max_parallel = 0;    // of a call
    std::set<int> recorded;  // legs of a call that have a row, which says that they failed
    std::optional<Conclusion> result;
    expr::Object outputs;
  };
  struct Scope {
    const workflow::Workflow* workflow = nullptr;
    const std::vector<workflow::CalledWorkflow>* calls = nullptr;  // null: nothing was loaded
    std::optional<workflow::Permissions> permissions;
    std::string prefix, name_prefix;  // "caller[1].", "caller (x) / "
    expr::Value inputs;
    std::vector<SecretsPassed> secrets;
    std::vector<std::size_t> jobs;
    std::size_t caller = kNone, leg = kNone;  // the calling job; none for the first scope
    std::vector<Concurrency> groups;          // to be entered in this order
    std::size_t entered = 0;
    bool opened = false, cancelled = false;
  };

  std::size_t index_of(std::string_view id) const;
  void add_jobs(std::size_t scope);
  void find_ancestors(std::size_t index);
  Ancestry status_of(const JobState& state) const;
  expr::Object contexts_of(const JobState& state) const;
  bool is_cancelled(std::size_t scope) const;
  bool load(const RecordedJob& row);
  void take_up(std::size_t scope, Effects& effects);
  void finish_leg(JobState& state, Leg& leg, Conclusion how, const Outputs& outputs);
  void fail_fast(JobState& state, Effects& effects);
  void cancel_legs(JobState& state, const std::string& reason, Effects& effects);
  void cancel_scope(std::size_t scope, const std::string& reason, Effects& effects);
  void settle(JobState& state);
  bool is_ready(const JobState& state) const;
  void plan(JobState& state, Effects& effects);
  void create(JobState& state, std::vector<CreateLeg> legs, Effects& effects);
  void close(JobState& state, Conclusion result);
  void fail(JobState& state, yaml::Diagnostic diagnostic, Effects& effects);
  Effects advance(Effects effects);
  Conclusion conclusion_of(std::size_t scope) const;

  // Calls.
  LegKey call_key(const Scope& scope) const;
  bool has_begun(const std::string& call) const;
  expr::Object call_contexts(const JobState& state, const Leg& leg) const;
  void create_calls(JobState& state, std::vector<CreateLeg> legs, Effects& effects);
  void begin_calls(JobState& state, Effects& effects);
  void begin_call(JobState& state, std::size_t leg, Effects& effects);
  void fail_call(JobState& state, std::size_t leg, yaml::Diagnostic diagnostic, Effects& effects);
  std::string find_groups(Scope& scope, const JobState& state, const Leg& leg) const;
  std::string deadlock_of(std::size_t scope, const Concurrency& wanted) const;
  void open(std::size_t scope, Effects& effects);
  void leave(Scope& scope, Effects& effects);
  bool end_calls(Effects& effects);
  void end_call(std::size_t scope, Effects& effects);
  Scope* scope_of(const LegKey& call);

  // Both only grow, and references to their elements stay good.
  std::deque<JobState> jobs_;
  std::deque<Scope> scopes_;
  std::vector<RecordedJob> unplaced_;  // of calls that have not begun again
  std::optional<Concurrency> run_group_;
};

}  // namespace gantry::core::run
