// SPDX-License-Identifier: MIT
// The life of one job: "Set up job", its steps in order, "Complete job". Everything a person sees
// of it goes to the log, everything gantryd needs to know is an event. Used from the loop thread.
#pragma once

#include "core/workflow/workflow.hpp"
#include "daemon/async/runtime.hpp"
#include "daemon/runner/action_inputs.hpp"
#include "daemon/runner/checkouts.hpp"
#include "daemon/runner/gantryd_link.hpp"
#include "daemon/runner/job_folder.hpp"
#include "daemon/runner/job_log.hpp"
#include "daemon/runner/job_sandbox.hpp"
#include "daemon/runner/job_state.hpp"
#include "daemon/runner/job_step.hpp"
#include "daemon/runner/output_pump.hpp"
#include "daemon/runner/services/services.hpp"
#include "daemon/runner/step_commands.hpp"
#include "daemon/runner/step_process.hpp"
#include "proto/runner_protocol.hpp"

#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gantry::daemon::runner {

struct SideStep;  // daemon/runner/job_side.hpp

struct JobSettings {
  std::filesystem::path folder;
  KillLadder ladder;
  std::optional<ReadySandbox> ready;  // made before the job was known
};

class Job {
 public:
  Job(async::Runtime& runtime, GantrydLink& link, proto::JobMessage message, JobSettings settings);
  ~Job();

  async::Task<> run();  // reports JobCompleted last, whatever happens

 private:
  using Step = JobStep;
  using Steps = std::vector<core::workflow::Step>;
  using Uses = std::vector<std::unique_ptr<ActionUse>>;

  // job.cpp
  async::Task<> live();
  async::Task<bool> prepare_all();  // "Set up job"; false: there is nothing to run
  void say_failure(std::string_view reason);
  void set_up();
  void complete();
  void start_sandbox();
  void read_workflow();
  void evaluate_job_env();
  void say_set_up();
  std::vector<std::pair<std::string, std::string>> evaluate_outputs();
  void announce_steps();
  void fail_job(std::string_view reason);

  // job_steps.cpp
  async::Task<> run_steps();
  Step new_step();  // with the next number
  async::Task<> run_step(const core::workflow::Step& definition, ActionUse* use, Stage stage);
  async::Task<core::run::Conclusion> carry_out(Step& step);
  async::Task<core::run::Conclusion> run_action(Step& step);
  async::Task<core::run::Conclusion> run_checkout(Step& step);  // job_checkout.cpp
  async::Task<core::run::Conclusion> fetch_lfs(Step& step, const git::CheckoutPlan& plan);
  async::Task<core::run::Conclusion> run_script(Step& step);
  async::Task<core::run::Conclusion> run_process(Step& step, StepRequest request);
  async::Task<core::run::Conclusion> run_request(Step& step, StepRequest request);
  core::Result<StepRequest> script_request(Step& step);
  void say_script(const Step& step, const std::string& script, std::string_view shell);
  core::Result<std::string> name_of(const Step& step) const;
  core::Result<bool> prepare(Step& step);  // env, name, condition: whether it runs
  void name_files(Step& step);
  core::Result<bool> condition(const Step& step) const;
  bool goes_on(const Step& step) const;  // the conditions of it and what it is part of
  void set_limit(Step& step);
  core::run::Conclusion conclude(Step& step, const ProcessEnd& end, const SandboxUsage& before);
  core::run::Conclusion refuse(Step& step, std::string_view message);
  Evaluator evaluator(const Step& step) const;
  void note_step(const Step& step, core::run::Conclusion outcome, core::run::Conclusion conclusion);
  std::string default_of(std::string_view key) const;  // of defaults.run
  std::string find_program(std::string_view name) const;

  // job_actions.cpp
  async::Task<> fetch_actions();
  async::Task<std::vector<ActionProblem>> get_actions(const Steps& steps, JobLog& log);
  Uses make_uses(const Steps& steps);
  async::Task<bool> find_action(Step& step);
  ReadyPointer read_local(const core::workflow::ActionReference& reference) const;
  async::Task<core::run::Conclusion> run_use(Step& step);
  async::Task<core::run::Conclusion> run_node(Step& step, ActionInputs inputs);
  async::Task<core::run::Conclusion> run_composite(Step& step, ActionInputs inputs);
  void set_composite_outputs(Step& step);
  core::Result<ActionInputs> inputs_of(Step& step);
  void register_post(Step& step);
  void say_action(const Step& step, const core::workflow::StringMap& with);

  // job_side.cpp: background steps
  void start_side(const core::workflow::Step& definition, ActionUse* use);
  async::Task<> run_side(SideStep& side);
  async::Task<core::run::Conclusion> run_control(Step& step);
  async::Task<> join(SideStep& side);
  async::Task<> join_rest();
  void take_over(SideStep& side);
  void collect_logs();

  // job_services.cpp
  // What a step gets so that it can use the runtime services; starts them when first asked.
  async::Task<Services::NamedValues> service_environment(ServiceUser user);

  // job_watch.cpp
  async::Task<> watch_time();
  async::Task<> watch_disk();
  async::Task<> report_progress();
  enum class CancelReason { requested, timed_out };
  void cancel(CancelReason reason);
  void on_output();
  void close_background();

  void begin(Step& step);
  void finish(Step& step, core::run::Conclusion outcome, core::run::Conclusion conclusion);
  static void note_status(JobState& state, core::run::Conclusion conclusion);
  void new_commands(Step& step);

  async::Runtime& runtime_;
  GantrydLink& link_;
  proto::JobMessage message_;
  JobSettings settings_;
  core::SystemClock clock_;
  std::string unique_;  // part of the names of this job's temp files
  JobLog log_;
  JobFolder folder_;
  FileHashes hashes_;
  JobContexts contexts_;
  JobState state_;
  std::shared_ptr<const core::workflow::Workflow> workflow_;  // shared with its parser's result
  const core::workflow::Job* definition_ = nullptr;
  Steps steps_;                                // of the job, those of `parallel` in line
  std::map<std::string, ReadyPointer> ready_;  // remote actions, by what `uses` says
  Uses uses_;                                  // by step of the job
  std::vector<ActionUse*> posts_;              // of `uses_`, in the order they began
  InsideFiles inside_;
  int last_number_ = 0, last_file_ = 0;  // of the steps that began
  std::size_t uses_made_ = 0;
  core::expr::Value defaults_;  // of defaults.run
  std::string search_path_;     // PATH before anything is added
  StepDebug debug_ = StepDebug::off;
  Checkouts checkouts_;
  StepProcesses processes_;
  std::unique_ptr<Services> services_;  // once a step can use them
  std::list<SideStep> side_;            // in the order they stand
  int running_side_ = 0;
  async::Wakeup side_changed_;  // one has ended, or something only one may use is free
  bool is_starting_services_ = false, is_checking_out_ = false;
  std::list<Background> background_;
  async::Wakeup progress_;
  async::Wakeup job_wake_;
  async::TaskGroup tasks_;
  std::string sandbox_text_;  // one line for people
  std::vector<std::string> shortcomings_;
  std::string failure_reason_;
  std::optional<CancelReason> cancelled_;
  std::optional<SteadyTime> give_up_at_;  // cancelled: when patience ends
  bool gave_up_ = false;                  // patience has ended
  std::string over_limit_;                // why the running step must end; "" = nothing
  bool output_limit_seen_ = false;
};

}  // namespace gantry::daemon::runner
