// SPDX-License-Identifier: MIT
// One attempt of one run as a pure state machine: needs, conditions, matrix, fail-fast, outputs and
// the run's conclusion. gantryd's control code carries the effects out and reports back; whatever
// the machine knows can be given to restore() again, so nothing is lost when gantryd restarts.
#pragma once

#include "core/expr/value.hpp"
#include "core/run/call_plan.hpp"
#include "core/run/concurrency.hpp"
#include "core/run/states.hpp"
#include "core/workflow/workflow.hpp"
#include "core/yaml/diagnostic.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace gantry::core::run {

struct RunContexts {
  expr::Value github, vars, inputs;
};

using Outputs = std::vector<std::pair<std::string, std::string>>;

struct LegKey {
  // The id in the file; of a job in a called workflow "caller.job", or "caller[1].job" where the
  // call has a matrix.
  std::string job_id;
  int leg = 0;  // strategy.job-index; 0 without a matrix
  auto operator<=>(const LegKey&) const = default;
};

// Effects. Each names what the caller has to make true.
struct CreateLeg {
  LegKey key;
  std::string name;      // "build (debug, gcc)"
  expr::Value matrix;    // object or null
  expr::Value strategy;  // fail-fast, job-index, job-total, max-parallel
  std::vector<std::string> labels;
  std::string runner_group;  // empty when none is asked for
  std::string environment;   // empty when none is named
  std::optional<Concurrency> concurrency;
  int leg_total = 1;
  int max_parallel = 0;  // 0: no limit
  bool fail_fast = true;
  bool continue_on_error = false;
  std::optional<std::chrono::milliseconds> timeout;
};
struct SkipJob {
  LegKey key;
  std::string name;
  std::string condition;             // the expression that was not true
  std::vector<std::string> because;  // "'build' concluded failure"; what made it so
};
// A job that cannot be planned concludes as a failure.
struct FailJob {
  LegKey key;
  std::string name;
  yaml::Diagnostic diagnostic;
  std::string file;  // the workflow it stands in
};
// The leg is to end as cancelled; it ends when leg_finished() says so, whatever its conclusion.
struct CancelLeg {
  LegKey key;
  std::string reason;
};
// A called workflow waits for a concurrency group, its caller's or its own: group_entered() when it
// has it. It keeps the group until LeaveGroups names the call.
struct EnterGroup {
  LegKey call;
  Concurrency concurrency;
  bool held = false;  // restored: it had the group already
};
struct LeaveGroups {
  LegKey call;
};
struct CompleteRun {
  Conclusion conclusion = Conclusion::success;
};
using Effect =
    std::variant<CreateLeg, SkipJob, FailJob, CancelLeg, EnterGroup, LeaveGroups, CompleteRun>;
using Effects = std::vector<Effect>;

// A row of an attempt's jobs as stored: what came of a CreateLeg, SkipJob or FailJob.
struct RecordedJob {
  LegKey key;
  int leg_total = 1;
  bool fail_fast = true;
  bool continue_on_error = false;
  std::optional<Conclusion> conclusion;  // absent while not completed
  Outputs outputs;
  std::string name;
  bool kept = false;  // done by an earlier attempt: its failure cancels no leg of this one
};

// Where a job stands: its own file, or that of a called workflow.
struct JobPlace {
  const workflow::Workflow* workflow = nullptr;  // of the machine; null for an unknown job
  const workflow::Job* job = nullptr;
  expr::Value inputs;
  std::vector<SecretsPassed> calls;                  // from the outermost in; none: secrets as are
  std::optional<workflow::Permissions> permissions;  // nullopt: the default ones
};
struct Explanation;  // core/run/explain.hpp

class RunMachine {
 public:
  // `workflow` is shared with whoever parsed it and other runs of the same commit. `loaded`: the
  // same with all it calls; null where it calls nothing.
  RunMachine(std::shared_ptr<const workflow::Workflow> workflow, RunContexts contexts,
             std::shared_ptr<const workflow::LoadedWorkflow> loaded = nullptr);
  ~RunMachine();
  RunMachine(RunMachine&&) noexcept;
  RunMachine& operator=(RunMachine&&) noexcept;

  // First call, one of the two. `jobs`: rows in the order they completed, then the others; after a
  // restart all of the attempt's rows, for a rerun those kept (keep_for_rerun). Effects for what is
  // recorded are not repeated, all others are: the result is that of having lived through it.
  Effects start();
  Effects restore(const std::vector<RecordedJob>& jobs, std::optional<std::string> cancel_reason);

  // Repeating a call changes nothing. An unknown leg is ignored.
  Effects leg_finished(const LegKey& key, Conclusion conclusion, const Outputs& outputs);
  // Jobs whose condition holds in a cancelled run (always(), cancelled()) go on or still start.
  Effects cancel(const std::string& reason);
  Effects group_entered(const LegKey& call);
  Effects cancel_call(const LegKey& call, const std::string& reason);

  // Of a job's message.
  expr::Value needs_context(std::string_view job_id) const;
  JobPlace place_of(std::string_view job_id) const;
  const RunContexts& contexts() const;
  const workflow::Workflow& workflow() const;
  std::optional<Conclusion> conclusion() const;  // once completed
  // Why a job started or not, or would now; worked out from what is recorded.
  std::optional<Explanation> explain(std::string_view job_id) const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

enum class RerunScope { all, failed, one_job };
// The rows a new attempt keeps: not those to run again, nor any job that needs one of them.
std::vector<RecordedJob> keep_for_rerun(const workflow::Workflow& workflow,
                                        const std::vector<RecordedJob>& jobs, RerunScope scope,
                                        const LegKey& job = {},
                                        const workflow::LoadedWorkflow* loaded = nullptr);

// Keys of the whole workflow; contexts github, vars, inputs.
struct RunName {
  std::string name;
  std::optional<yaml::Diagnostic> diagnostic;  // the name is then the default
};
// Default: a push's commit message, a pull request's title, else the workflow's name.
RunName run_name(const workflow::Workflow& workflow, const RunContexts& contexts);

struct RunConcurrency {
  std::optional<Concurrency> concurrency;
  std::optional<yaml::Diagnostic> diagnostic;  // the run cannot start: it fails with this
};
RunConcurrency run_concurrency(const workflow::Workflow& workflow, const RunContexts& contexts);

}  // namespace gantry::core::run
