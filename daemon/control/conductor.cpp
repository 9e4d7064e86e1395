// SPDX-License-Identifier: MIT
#include "daemon/control/conductor.hpp"

#include "core/base/log.hpp"
#include "daemon/control/db_thread.hpp"
#include "daemon/control/reports.hpp"
#include "daemon/control/run_rows.hpp"
#include "storage/workflows.hpp"

#include <thread>

namespace gantry::daemon::control {
namespace {

using core::run::ActionKind;
using core::run::CancelLeg;
using core::run::CompleteRun;
using core::run::Conclusion;
using core::run::CreateLeg;
using core::run::Effects;
using core::run::FailJob;
using core::run::JobStatus;
using core::run::RunStatus;
using core::run::SkipJob;
using storage::Database;

// A run as stored, with what was decided while storing it.
struct Begun {
  storage::Run row;
  core::run::RunContexts contexts;
  std::optional<core::run::Concurrency> concurrency;
  std::vector<storage::Delivery> told;
  bool broken = false;
};

void store_broken(Database& d, Begun& begun, const NewRun& run,
                  const std::vector<core::yaml::Diagnostic>& diagnostics, const ReportTo& report,
                  core::Timestamp now) {
  begun.broken = true;
  storage::Job job;
  job.run = begun.row.id;
  job.key = "workflow";
  job.name = run.workflow_path;
  job.status = JobStatus::completed;
  job.conclusion = Conclusion::failure;
  job.details = "the workflow file has errors";
  job.created_at = now;
  job.completed_at = now;
  job.id = insert_job(d, job);
  for (const auto& diagnostic : diagnostics) {
    add_annotation(d, job.id, annotation_of(diagnostic, run.workflow_path));
  }
  if (report.channel) {
    want_report(d, *report.channel, begun.row, job, report.public_url, now);
  }
  storage::RunChange change;
  change.status = RunStatus::completed;
  change.conclusion = Conclusion::startup_failure;
  change.details = "the workflow file has errors";
  static_cast<void>(change_run(d, begun.row.id, change, now));  // queued -> completed is legal
  report.runs.tell(d, begun.row.id, RunPhase::completed, run.github, now, begun.told);
}

// What a workflow asks for in vain without being broken, for the run's reason.
std::string warnings_of(const NewRun& run) {
  std::string text;
  for (const auto& diagnostic : run.diagnostics) {
    if (diagnostic.severity != core::yaml::Severity::warning) continue;
    const storage::Annotation annotation = annotation_of(diagnostic, run.workflow_path);
    text += (text.empty() ? "" : "\n") + annotation.path + ':' +
            std::to_string(annotation.start_line) + ": " + annotation.message;
  }
  return text;
}

// Everything of one run that happens in the transaction.
Begun store_run(Database& d, const NewRun& run, const NamedValues& vars, const ReportTo& report,
                core::Timestamp now) {
  Begun begun;
  storage::Run row = run.row;
  row.workflow = put_workflow(d, row.repo, run.workflow_path, run.workflow_name, now);
  row.workflow_name = run.workflow_name;
  row.details = warnings_of(run);
  core::run::RunContexts contexts{run.github, to_object(vars), run.inputs};
  storage::RunInput input;
  input.workflow_source = run.source;
  input.contexts = encode_contexts(contexts, run.workflow_sha, run.called);
  input.event_payload = run.event_payload;
  const core::RunId id = insert_run(d, row, input);
  begun.row = *storage::find_run(d, id);
  contexts.github = with_run_facts(contexts.github, begun.row);
  begun.contexts = contexts;
  std::vector<core::yaml::Diagnostic> diagnostics = run.diagnostics;
  if (run.workflow) {
    // Only now: names and groups may use the run's number or id.
    const auto name = core::run::run_name(*run.workflow, contexts);
    const auto concurrency = core::run::run_concurrency(*run.workflow, contexts);
    if (concurrency.diagnostic) diagnostics.push_back(*concurrency.diagnostic);
    begun.concurrency = concurrency.concurrency;
    begun.row.display_title = name.name;
    begun.row.concurrency_group = begun.concurrency ? begun.concurrency->group : "";
    begun.row.status = begun.concurrency ? RunStatus::pending : RunStatus::queued;
    set_run_names(d, id, begun.row.display_title, begun.row.concurrency_group, begun.row.status);
  }
  report.runs.tell(d, id, RunPhase::requested, run.github, now, begun.told);
  if (!run.workflow || core::yaml::has_errors(diagnostics)) {
    store_broken(d, begun, run, diagnostics, report, now);
  }
  return begun;
}

}  // namespace

Conductor::Conductor(async::Runtime& runtime, DbThread& db, SettingsHolder& settings, Live& live,
                     const core::Clock& clock, async::TaskGroup& tasks)
    : runtime_(runtime),
      db_(db),
      settings_(settings),
      live_(live),
      clock_(clock),
      tasks_(tasks),
      run_events_(settings),
      scheduler_(capacity()),
      timer_(runtime.executor()) {}

core::run::Capacity Conductor::capacity() const {
  const auto settings = settings_.get();
  core::run::Capacity capacity;
  const int cpus = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  const int wanted = settings->config.limits.jobs > 0 ? settings->config.limits.jobs : cpus;
  capacity.jobs = accepting_ == Accepting::yes ? wanted : 0;
  for (const auto& label : settings->config.labels) {
    core::run::Offer offer;
    offer.labels = label.names;
    capacity.offers.push_back(std::move(offer));
  }
  return capacity;
}

async::Task<std::vector<core::RunId>> Conductor::begin(const storage::Repository& repo,
                                                       std::vector<NewRun> runs,
                                                       std::optional<DeliveryEnd> delivery) {
  const auto settings = settings_.get();
  const core::Timestamp now = clock_.now();
  const ReportTo report = report_to(repo);
  const NamedValues vars = settings->vars_of(repo.full_name);
  std::vector<Begun> begun = co_await db_.write([&](Database& d) {
    std::vector<Begun> stored;
    for (const NewRun& run : runs)
      stored.push_back(store_run(d, run, vars, report, now));
    if (delivery) finish_delivery(d, delivery->id, delivery->outcome, now);
    return stored;
  });
  std::vector<core::RunId> ids;
  for (std::size_t i = 0; i < begun.size(); ++i) {
    Begun& made = begun[i];
    ids.push_back(made.row.id);
    core::log::info("run created", {{"run", made.row.id.value},
                                    {"repository", repo.full_name},
                                    {"workflow", runs[i].workflow_path},
                                    {"state", made.broken ? "broken" : "queued"}});
    take(made.told);
    if (made.broken) continue;
    auto run = std::make_shared<ActiveRun>();
    run->row = std::move(made.row);
    run->repo = repo;
    run->source = std::move(runs[i].source);
    run->workflow_path = runs[i].workflow_path;
    run->workflow_sha = runs[i].workflow_sha;
    run->concurrency = made.concurrency;
    run->called = std::move(runs[i].called);
    run->loaded = runs[i].loaded;
    run->machine.emplace(runs[i].workflow, std::move(made.contexts), runs[i].loaded);
    register_run(run);
  }
  if (reports_changed_) reports_changed_();
  tick();
  co_return ids;
}

void Conductor::register_run(const RunPointer& run) {
  runs_[run->row.id] = run;
  core::run::RunEntry entry;
  entry.run = run->row.id;
  entry.repo = run->row.repo;
  entry.concurrency = run->concurrency;
  entry.released = run->released;
  scheduler_.add_run(entry);
}

void Conductor::tick() {
  const auto gate_opens = pass_gates();
  for (const core::run::Action& action : scheduler_.decide(clock_.now()))
    carry_out(action);
  auto deadline = scheduler_.next_deadline();
  if (gate_opens) deadline = std::min(deadline.value_or(*gate_opens), *gate_opens);
  timer_.cancel();
  if (!deadline) return;
  timer_.expires_after(std::max(std::chrono::milliseconds(1), *deadline - clock_.now()));
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) tick();
  });
}

void Conductor::carry_out(const core::run::Action& action) {
  if (action.run.value < 0) return act_on_call(action);
  switch (action.kind) {
    case ActionKind::release_run: {
      const auto run = runs_.find(action.run);
      if (run == runs_.end()) return;
      run->second->released = true;
      Effects effects = run->second->recorded.empty()
                            ? run->second->machine->start()
                            : run->second->machine->restore(run->second->recorded, std::nullopt);
      tasks_.spawn("planning run", plan(run->second, std::move(effects)));
      return;
    }
    case ActionKind::start_job: {
      const JobPointer job = find_job(action.job);
      if (!job) return;
      job->phase = ActiveJob::Phase::starting;
      job->offer = action.offer;
      starter_->start(job);
      return;
    }
    case ActionKind::fail_job: {
      const JobPointer job = find_job(action.job);
      if (job) tasks_.spawn("failing job", end_job(job, Conclusion::failure, action.reason));
      return;
    }
    case ActionKind::cancel_job: {
      const JobPointer job = find_job(action.job);
      if (job) cancel_leg(job, action.reason);
      return;
    }
    case ActionKind::cancel_run: {
      const auto run = runs_.find(action.run);
      if (run != runs_.end()) {
        tasks_.spawn("cancelling run", cancel_now(run->second, action.reason));
      }
      return;
    }
  }
}

void Conductor::cancel_leg(const JobPointer& job, const std::string& reason) {
  if (job->phase == ActiveJob::Phase::finished) return;
  if (job->phase == ActiveJob::Phase::waiting) {
    scheduler_.cancel_job(job->id, reason);
    tasks_.spawn("cancelling job", end_job(job, Conclusion::cancelled, reason));
    return;
  }
  if (job->cancel_reason.empty()) job->cancel_reason = reason;
  job->control.notify();
}

// Writes rows for the effects and makes the machine's will happen. Everything in one transaction.
async::Task<> Conductor::plan(RunPointer run, Effects effects) {
  if (effects.empty()) co_return;
  const core::Timestamp now = clock_.now();
  const ReportTo report = report_to(run->repo);
  std::vector<core::JobId> ids(effects.size());
  std::vector<storage::Delivery> told;
  // Read here: this thread may change both while the database's stores the rows.
  const std::string cancel_reason = run->cancel_reason;
  std::vector<bool> waits(effects.size());
  for (std::size_t i = 0; i < effects.size(); ++i) {
    const auto* leg = std::get_if<CreateLeg>(&effects[i]);
    waits[i] = leg != nullptr && gate_of(*run, leg->environment, now).gate != core::run::Gate::open;
  }
  auto store = [&](Database& d) {
    told.clear();  // the disk may have refused the time before
    for (std::size_t i = 0; i < effects.size(); ++i) {
      storage::Job row;
      if (const auto* leg = std::get_if<CreateLeg>(&effects[i])) {
        row = row_of(*leg, run->row, now);
        if (waits[i]) row.status = JobStatus::waiting;
      } else if (const auto* skip = std::get_if<SkipJob>(&effects[i])) {
        row = row_of(*skip, run->row, now);
      } else if (const auto* failed = std::get_if<FailJob>(&effects[i])) {
        row = row_of(*failed, run->row, now);
      } else if (const auto* complete = std::get_if<CompleteRun>(&effects[i])) {
        storage::RunChange change;
        change.status = RunStatus::completed;
        change.conclusion = complete->conclusion;
        if (!cancel_reason.empty()) change.details = cancel_reason;
        if (change_run(d, run->row.id, change, now) == storage::Change::applied) {
          report.runs.tell(d, run->row.id, RunPhase::completed, run->machine->contexts().github,
                           now, told);
        }
        continue;
      } else {
        continue;
      }
      row.id = insert_job(d, row);
      ids[i] = row.id;
      if (const auto* failed = std::get_if<FailJob>(&effects[i])) {
        add_annotation(d, row.id, annotation_of(failed->diagnostic, failed->file));
      }
      if (report.channel) {
        want_report(d, *report.channel, run->row, row, report.public_url, now);
      }
    }
  };
  co_await insist("planning run", store);
  take(told);
  for (std::size_t i = 0; i < effects.size(); ++i) {
    if (const auto* leg = std::get_if<CreateLeg>(&effects[i])) {
      add_leg(run, *leg, ids[i], now);
    } else if (const auto* cancel = std::get_if<CancelLeg>(&effects[i])) {
      const auto job = run->jobs.find(cancel->key);
      if (job != run->jobs.end()) cancel_leg(job->second, cancel->reason);
    } else if (const auto* enter = std::get_if<core::run::EnterGroup>(&effects[i])) {
      enter_group(run, *enter);
    } else if (const auto* leave = std::get_if<core::run::LeaveGroups>(&effects[i])) {
      leave_groups(run->row.id, leave->call);
    } else if (const auto* complete = std::get_if<CompleteRun>(&effects[i])) {
      core::log::info("run completed", {{"run", run->row.id.value},
                                        {"conclusion", to_string(complete->conclusion)}});
      scheduler_.run_finished(run->row.id);
      runs_.erase(run->row.id);
    }
  }
  changed(run);
  tick();
}

void Conductor::add_leg(const RunPointer& run, const CreateLeg& leg, core::JobId id,
                        core::Timestamp now) {
  auto job = std::make_shared<ActiveJob>(runtime_.executor());
  job->id = id;
  job->run = run;
  job->key = leg.key;
  job->name = leg.name;
  job->labels = leg.labels;
  job->plan = decode_leg_plan(row_of(leg, run->row, now).plan);
  job->since = now;
  run->jobs[leg.key] = job;
  jobs_[id] = job;
  admit(job, std::nullopt);
}

void Conductor::add_to_scheduler(const ActiveJob& job, std::optional<core::Timestamp> queued_at,
                                 std::optional<core::Timestamp> started_at) {
  core::run::JobEntry entry;
  entry.job = job.id;
  entry.run = job.run->row.id;
  entry.repo = job.run->row.repo;
  entry.job_id = job.key.job_id;
  entry.name = job.name;
  entry.labels = job.labels;
  entry.runner_group = job.plan.runner_group;
  entry.concurrency = job.plan.concurrency;
  entry.max_parallel = job.plan.max_parallel;
  entry.timeout = job.plan.timeout.value_or(settings_.get()->config.limits.timeout);
  entry.queued_at = queued_at;
  entry.started_at = started_at;
  entry.offer = job.offer;
  scheduler_.add_job(entry);
}

void Conductor::job_progressed(ActiveJob& job, Progress progress) {
  if (progress == Progress::started && job.phase == ActiveJob::Phase::starting) {
    job.phase = ActiveJob::Phase::running;
  }
  changed(job.run);
}

async::Task<> Conductor::job_completed(JobPointer job, Conclusion conclusion,
                                       core::run::Outputs outputs) {
  if (job->phase == ActiveJob::Phase::finished && !jobs_.contains(job->id)) co_return;
  job->phase = ActiveJob::Phase::finished;
  const RunPointer run = job->run;
  jobs_.erase(job->id);
  run->jobs.erase(job->key);
  scheduler_.job_finished(job->id);
  changed(run);
  Effects effects = run->machine->leg_finished(job->key, conclusion, outputs);
  tick();  // the place is free: the next job starts while this one's effects are stored
  co_await plan(run, std::move(effects));
}

async::Task<> Conductor::end_job(JobPointer job, Conclusion conclusion, std::string reason) {
  if (job->phase == ActiveJob::Phase::finished) co_return;
  job->phase = ActiveJob::Phase::finished;
  const core::Timestamp now = clock_.now();
  const ReportTo report = report_to(job->run->repo);
  auto store = [&](Database& d) {
    storage::JobChange change;
    change.status = JobStatus::completed;
    change.conclusion = conclusion;
    change.details = reason;
    if (change_job(d, job->id, change, now) == storage::Change::refused) return;
    if (conclusion == Conclusion::failure) {
      storage::Annotation annotation;
      annotation.path = job->run->workflow_path;
      annotation.message = reason;
      add_annotation(d, job->id, annotation);
    }
    if (report.channel) {
      want_report(d, *report.channel, job->run->row, *storage::find_job(d, job->id),
                  report.public_url, now);
    }
  };
  co_await insist("ending job", store);
  core::log::info(
      "job ended without a runner",
      {{"job", job->id.value}, {"conclusion", to_string(conclusion)}, {"reason", reason}});
  core::run::Outputs none;
  co_await job_completed(job, conclusion, std::move(none));
}

void Conductor::requeue(JobPointer job) {
  if (job->phase == ActiveJob::Phase::finished) return;
  job->phase = ActiveJob::Phase::waiting;
  scheduler_.job_finished(job->id);
  add_to_scheduler(*job, clock_.now(), std::nullopt);
  tick();
}

async::Task<> Conductor::cancel(core::RunId id, std::string reason) {
  const core::Timestamp now = clock_.now();
  const storage::Change change =
      co_await db_.write([&](Database& d) { return request_run_cancel(d, id, now); });
  const auto run = runs_.find(id);
  if (change == storage::Change::refused || run == runs_.end()) {
    throw core::Exception(core::Errc::conflict, "cancelling run '" + std::to_string(id.value) +
                                                    "': it is completed already");
  }
  scheduler_.cancel_run(id, reason);
  tick();
}

async::Task<> Conductor::cancel_all(std::string reason) {
  std::vector<core::RunId> ids;
  for (const auto& [id, run] : runs_)
    ids.push_back(id);
  for (const core::RunId id : ids) {
    if (runs_.contains(id)) co_await cancel(id, reason);
  }
}

async::Task<> Conductor::cancel_now(RunPointer run, std::string reason) {
  if (!run->cancel_reason.empty()) co_return;
  run->cancel_reason = reason;
  if (run->released) {
    Effects effects = run->machine->cancel(reason);
    co_await plan(run, std::move(effects));
    co_return;
  }
  Effects effects;
  CompleteRun complete;
  complete.conclusion = Conclusion::cancelled;
  effects.emplace_back(complete);
  co_await plan(run, std::move(effects));
}

void Conductor::changed(const RunPointer& run) {
  live_.changed(run->row.id);
  if (reports_changed_) reports_changed_();
}

std::shared_ptr<ActiveJob> Conductor::find_job(core::JobId job) const {
  const auto found = jobs_.find(job);
  return found == jobs_.end() ? nullptr : found->second;
}

void Conductor::settings_changed() {
  scheduler_.set_capacity(capacity());
  tick();
}

void Conductor::set_accepting(Accepting accepting) {
  accepting_ = accepting;
  settings_changed();
}

std::size_t Conductor::running_jobs() const {
  return scheduler_.load().running;
}
bool Conductor::has_runs_of(core::RepoId repo) const {
  return std::any_of(runs_.begin(), runs_.end(),
                     [&](const auto& entry) { return entry.second->repo.id == repo; });
}
core::run::Load Conductor::load() const {
  return scheduler_.load();
}
core::run::Hold Conductor::why_waiting(core::JobId job) const {
  const JobPointer gated = gated_.contains(job) ? find_job(job) : nullptr;
  if (gated) {
    return {core::run::HoldKind::none,
            gate_of(*gated->run, gated->plan.environment, gated->since).reason};
  }
  return scheduler_.why_waiting(job);
}

}  // namespace gantry::daemon::control
