// SPDX-License-Identifier: MIT
// Carries out what the run machines and the scheduler decide: rows, reports, starts, ends. Owns
// every unfinished run. Loop thread only. What it has acknowledged is durable; restore() makes it
// again from the database.
#pragma once

#include "core/base/time.hpp"
#include "core/workflow/workflow.hpp"
#include "daemon/async/runtime.hpp"
#include "daemon/control/active.hpp"
#include "daemon/control/live.hpp"
#include "daemon/control/run_events.hpp"
#include "daemon/control/settings.hpp"
#include "storage/deliveries.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace gantry::daemon::control {

class DbThread;
struct ReportTo;

// Starts and stops runners for the conductor.
class JobStarter {
 public:
  virtual ~JobStarter() = default;
  virtual void start(std::shared_ptr<ActiveJob> job) = 0;
  // Takes up a runner from before a restart; reports it lost when it is gone.
  virtual void adopt(std::shared_ptr<ActiveJob> job) = 0;
  // Whether a job that is not known to have begun was given to a runner before a restart.
  virtual bool has_runner(core::JobId job) const = 0;
};

// What a runner's events meant for the job.
enum class Progress { started, going_on };

// A run to be made, everything decided.
struct NewRun {
  storage::Run row;  // without ids
  std::string source, workflow_path, workflow_sha;
  std::string workflow_name;
  std::shared_ptr<const core::workflow::Workflow> workflow;  // null: broken, see diagnostics
  // With the workflows it calls, their texts in `called` by name; null where it calls none.
  std::shared_ptr<const core::workflow::LoadedWorkflow> loaded;
  core::run::CalledTexts called;
  std::vector<core::yaml::Diagnostic> diagnostics;
  core::expr::Value github, inputs;          // contexts; `github` without run facts
  std::optional<std::string> event_payload;  // where there is no delivery
};

class Conductor {
 public:
  Conductor(async::Runtime& runtime, DbThread& db, SettingsHolder& settings, Live& live,
            const core::Clock& clock, async::TaskGroup& tasks);
  ~Conductor();
  Conductor(const Conductor&) = delete;
  Conductor& operator=(const Conductor&) = delete;

  void set_starter(JobStarter& starter) { starter_ = &starter; }
  // Takes deliveries that runs made, stored already.
  void set_take(std::function<void(const storage::Delivery&)> take) { take_ = std::move(take); }
  void take(const std::vector<storage::Delivery>& told) const;
  ReportTo report_to(const storage::Repository& repo) const;
  RunEvents& run_events() { return run_events_; }
  void set_reports_changed(std::function<void()> notify) { reports_changed_ = std::move(notify); }

  // Stores the runs, and the outcome of the delivery they come from, in one transaction; then
  // they go. Returns their ids.
  struct DeliveryEnd {
    core::DeliveryId id;
    storage::DeliveryOutcome outcome;
  };
  async::Task<std::vector<core::RunId>> begin(const storage::Repository& repo,
                                              std::vector<NewRun> runs,
                                              std::optional<DeliveryEnd> delivery);

  // A new attempt. Throws Errc::conflict while the run is not completed, not_found without it.
  async::Task<int> rerun(core::RunId run, core::run::RerunScope scope, core::JobId job,
                         std::string actor);
  // Durable when it returns. Throws Errc::conflict when the run is completed already.
  async::Task<> cancel(core::RunId run, std::string reason);
  async::Task<> cancel_all(std::string reason);

  // What a reviewer says to jobs of the run that wait for it; `environments` empty: to all. Durable
  // when it returns. Throws Errc::conflict when none waits, denied when it is not theirs to say.
  struct ReviewWanted {
    std::vector<std::string> environments;
    core::run::Verdict verdict = core::run::Verdict::approved;
    std::vector<std::string> names;  // of the reviewer
    std::string comment;
  };
  async::Task<> review(core::RunId run, ReviewWanted wanted);

  // From the supervisor.
  std::shared_ptr<ActiveJob> find_job(core::JobId job) const;
  void job_progressed(ActiveJob& job, Progress progress);
  // The row is completed already; the run goes on.
  async::Task<> job_completed(std::shared_ptr<ActiveJob> job, core::run::Conclusion conclusion,
                              core::run::Outputs outputs);
  // Ends a job that no runner will end: row, annotation, report, run.
  async::Task<> end_job(std::shared_ptr<ActiveJob> job, core::run::Conclusion conclusion,
                        std::string reason);
  // Its runner died before the job began: it waits again.
  void requeue(std::shared_ptr<ActiveJob> job);

  async::Task<> restore();  // once, before anything else
  void settings_changed();  // new capacity
  enum class Accepting { yes, no };
  void set_accepting(Accepting accepting);  // no: nothing new starts (drain)
  std::size_t running_jobs() const;
  bool has_runs_of(core::RepoId repo) const;  // that are not completed
  core::run::Load load() const;
  core::run::Hold why_waiting(core::JobId job) const;

  DbThread& db() { return db_; }
  const core::Clock& clock() const { return clock_; }
  std::shared_ptr<const Settings> settings() const { return settings_.get(); }

 private:
  using RunPointer = std::shared_ptr<ActiveRun>;
  using JobPointer = std::shared_ptr<ActiveJob>;

  void register_run(const RunPointer& run);
  async::Task<> plan(RunPointer run, core::run::Effects effects);
  void add_leg(const RunPointer& run, const core::run::CreateLeg& leg, core::JobId id,
               core::Timestamp now);
  core::run::GateDecision gate_of(const ActiveRun& run, const std::string& environment,
                                  core::Timestamp since) const;
  void admit(const JobPointer& job, std::optional<core::Timestamp> queued_at);
  std::optional<core::Timestamp> pass_gates();
  async::Task<> leave_gate(JobPointer job);
  void add_to_scheduler(const ActiveJob& job, std::optional<core::Timestamp> queued_at,
                        std::optional<core::Timestamp> started_at);
  void cancel_leg(const JobPointer& job, const std::string& reason);
  void enter_group(const RunPointer& run, const core::run::EnterGroup& wanted);
  void leave_groups(core::RunId run, const core::run::LegKey& call);
  void act_on_call(const core::run::Action& action);
  async::Task<> cancel_now(RunPointer run, std::string reason);
  async::Task<> restore_run(storage::Run row);
  void restore_job(const RunPointer& run, const storage::Job& row);
  void changed(const RunPointer& run);
  void tick();
  void carry_out(const core::run::Action& action);
  core::run::Capacity capacity() const;
  // Stores, again and again while the disk refuses: a full disk delays, it does not lose.
  async::Task<> insist(std::string doing, std::function<void(storage::Database&)> store);

  async::Runtime& runtime_;
  DbThread& db_;
  SettingsHolder& settings_;
  Live& live_;
  const core::Clock& clock_;
  async::TaskGroup& tasks_;
  JobStarter* starter_ = nullptr;
  std::function<void()> reports_changed_;
  std::function<void(const storage::Delivery&)> take_;
  RunEvents run_events_;
  Accepting accepting_ = Accepting::yes;  // before the scheduler, which asks for the capacity
  core::run::Scheduler scheduler_;
  async::asio::steady_timer timer_;
  std::unordered_map<core::RunId, RunPointer> runs_;
  // Calls of reusable workflows that hold or wait for a concurrency group. To the scheduler each is
  // a run of its own, with a number below zero.
  struct Call {
    RunPointer run;
    core::run::LegKey key;
  };
  std::unordered_map<core::RunId, Call> calls_;
  std::int64_t last_call_ = 0;
  std::unordered_map<core::JobId, JobPointer> jobs_;
  std::unordered_set<core::JobId> gated_;  // jobs that wait for their environment
};

}  // namespace gantry::daemon::control
