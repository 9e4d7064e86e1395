// SPDX-License-Identifier: MIT
// The part of the conductor that takes up what was there before: restart and rerun; and the
// concurrency groups of called workflows.
#include "core/base/log.hpp"
#include "daemon/control/conductor.hpp"
#include "daemon/control/db_thread.hpp"
#include "daemon/control/new_run.hpp"
#include "daemon/control/reports.hpp"
#include "daemon/control/run_rows.hpp"
#include "storage/reviews.hpp"
#include "storage/workflows.hpp"

namespace gantry::daemon::control {
namespace {

using core::run::Conclusion;
using core::run::JobStatus;
using core::run::RunStatus;
using storage::Database;

// Everything stored of a run that makes it live again.
struct Stored {
  storage::Run row;
  storage::Repository repo;
  storage::RunInput input;
  std::string workflow_path;
  std::vector<storage::Job> jobs;
  std::vector<core::run::Review> reviews;
};

std::optional<Stored> load_stored(Database& d, core::RunId id) {
  const auto row = storage::find_run(d, id);
  if (!row) return std::nullopt;
  Stored stored;
  stored.row = *row;
  stored.repo = storage::find_repository(d, row->repo).value_or(storage::Repository());
  stored.input = storage::run_input(d, id);
  const auto workflow = storage::find_workflow(d, row->workflow);
  stored.workflow_path = workflow ? workflow->path : "";
  stored.jobs = storage::jobs_of_run(d, id);
  stored.reviews = storage::reviews_of_run(d, id, row->attempt);
  return stored;
}

// The run without its jobs; `contexts` for the machine. Throws when its file cannot be read any
// more (a newer gantryd may be stricter).
std::shared_ptr<ActiveRun> revive(const Stored& stored) {
  const auto parsed =
      core::workflow::parse_workflow(stored.workflow_path, stored.input.workflow_source);
  StoredContexts contexts = decode_contexts(stored.input, stored.row);
  const Calls calls = load_calls(stored.workflow_path, stored.input.workflow_source,
                                 contexts.called, core::workflow::LoadOptions());
  if (!parsed.workflow || (!contexts.called.empty() && !calls.loaded)) {
    throw core::Exception(core::Errc::invalid, "reading '" + stored.workflow_path + "' of run '" +
                                                   std::to_string(stored.row.id.value) +
                                                   "': it has errors");
  }
  auto run = std::make_shared<ActiveRun>();
  run->row = stored.row;
  run->repo = stored.repo;
  run->source = stored.input.workflow_source;
  run->workflow_path = stored.workflow_path;
  run->workflow_sha = contexts.workflow_sha;
  run->called = std::move(contexts.called);
  run->reviews = stored.reviews;
  run->loaded = calls.loaded;
  run->concurrency = core::run::run_concurrency(*parsed.workflow, contexts.contexts).concurrency;
  run->machine.emplace(parsed.workflow, std::move(contexts.contexts), run->loaded);
  return run;
}

}  // namespace

async::Task<> Conductor::insist(std::string doing, std::function<void(storage::Database&)> store) {
  for (;;) {
    std::optional<core::Error> failed;
    try {
      co_await db_.write([&](Database& d) { store(d); });
      co_return;
    } catch (const core::Exception& error) {
      if (error.error().code != core::Errc::io) throw;
      failed = error.error();
    }
    core::log::error("storing failed, trying again in a second",
                     {{"doing", doing}, {"why", failed->message}});
    co_await async::sleep_for(std::chrono::seconds(1));
  }
}

void Conductor::take(const std::vector<storage::Delivery>& told) const {
  for (const storage::Delivery& delivery : told) {
    if (take_) take_(delivery);
  }
}

ReportTo Conductor::report_to(const storage::Repository& repo) const {
  const auto settings = settings_.get();
  ReportTo report;
  report.channel = report_channel(*settings, repo);
  report.public_url = settings->public_url();
  report.runs = run_events_.teller_of(repo.id);
  return report;
}

Conductor::~Conductor() {
  for (const auto& [id, job] : jobs_)
    job->run->jobs.clear();  // the unfinished and their run hold one another
}

async::Task<> Conductor::restore() {
  const auto rows = co_await db_.read([](Database& d) { return storage::unfinished_runs(d); });
  for (const storage::Run& row : rows)
    co_await restore_run(row);
  if (!rows.empty()) core::log::info("runs taken up again", {{"count", rows.size()}});
  tick();
}

async::Task<> Conductor::restore_run(storage::Run row) {
  const auto stored = co_await db_.read([&](Database& d) { return load_stored(d, row.id); });
  if (!stored) co_return;
  std::shared_ptr<ActiveRun> run;
  std::string why;
  try {
    run = revive(*stored);
  } catch (const core::Exception& error) {
    why = error.what();
  }
  if (!run) {
    core::log::error("run cannot go on", {{"run", row.id.value}, {"why", why}});
    const core::Timestamp now = clock_.now();
    storage::RunChange change;
    change.status = RunStatus::completed;
    change.conclusion = Conclusion::startup_failure;
    change.details = why;
    const ReportTo report = report_to(stored->repo);
    const core::expr::Value unknown;
    std::vector<storage::Delivery> told;
    auto store = [&](Database& d) {
      told.clear();
      static_cast<void>(change_run(d, row.id, change, now));
      report.runs.tell(d, row.id, RunPhase::completed, unknown, now, told);
    };
    co_await insist("failing run", store);
    take(told);
    co_return;
  }
  run->released = row.status != RunStatus::pending;
  const std::optional<std::string> cancelled =
      row.cancel_requested_at ? std::optional<std::string>("the run was cancelled") : std::nullopt;
  if (cancelled) run->cancel_reason = *cancelled;
  register_run(run);
  run->recorded = recorded(stored->jobs);
  if (!run->released) {
    if (cancelled) scheduler_.cancel_run(row.id, *cancelled);
    run->cancel_reason.clear();  // set when the scheduler says so
    co_return;
  }
  for (const storage::Job& job : stored->jobs) {
    if (job.status != JobStatus::completed) restore_job(run, job);
  }
  core::run::Effects effects = run->recorded.empty() && !cancelled
                                   ? run->machine->start()
                                   : run->machine->restore(run->recorded, cancelled);
  co_await plan(run, std::move(effects));
}

void Conductor::restore_job(const RunPointer& run, const storage::Job& row) {
  auto job = std::make_shared<ActiveJob>(runtime_.executor());
  job->id = row.id;
  job->run = run;
  job->key = {row.key, row.leg};
  job->name = row.name;
  job->labels = decode_strings(row.labels);
  job->plan = decode_leg_plan(row.plan);
  job->since = row.created_at;
  run->jobs[job->key] = job;
  jobs_[row.id] = job;
  // A runner was started for it: it lives, or is found dead by the starter.
  const bool had_runner = row.status == JobStatus::in_progress || starter_->has_runner(row.id);
  if (had_runner) {
    job->phase = row.status == JobStatus::in_progress ? ActiveJob::Phase::running
                                                      : ActiveJob::Phase::starting;
    add_to_scheduler(*job, row.created_at, row.started_at.value_or(clock_.now()));
    starter_->adopt(job);
    return;
  }
  admit(job, row.created_at);
}

async::Task<int> Conductor::rerun(core::RunId id, core::run::RerunScope scope, core::JobId job,
                                  std::string actor) {
  const std::string name = "run '" + std::to_string(id.value) + "'";
  auto stored = co_await db_.read([&](Database& d) { return load_stored(d, id); });
  if (!stored) {
    throw core::Exception(core::Errc::not_found, "running " + name + " again: no such run");
  }
  if (stored->row.status != RunStatus::completed) {
    throw core::Exception(core::Errc::conflict,
                          "running " + name + " again: it has not ended yet; cancel it first");
  }
  const auto run = revive(*stored);
  core::run::LegKey wanted;
  for (const storage::Job& row : stored->jobs) {
    if (row.id == job || row.origin == job) wanted = {row.key, row.leg};
  }
  if (job && wanted.job_id.empty()) {
    throw core::Exception(core::Errc::not_found, "running job '" + std::to_string(job.value) +
                                                     "' of " + name +
                                                     " again: not a job of its newest attempt");
  }
  run->recorded = core::run::keep_for_rerun(run->machine->workflow(), recorded(stored->jobs), scope,
                                            wanted, run->loaded.get());
  std::vector<core::JobId> kept;
  for (const auto& keep : run->recorded) {
    for (const storage::Job& row : stored->jobs) {
      if (row.key == keep.key.job_id && row.leg == keep.key.leg) kept.push_back(row.id);
    }
  }
  const core::Timestamp now = clock_.now();
  run->row = co_await db_.write([&](Database& d) {
    storage::start_attempt(d, id, actor, kept, now);
    if (run->concurrency) {
      const auto row = *storage::find_run(d, id);
      set_run_names(d, id, row.display_title, row.concurrency_group, RunStatus::pending);
    }
    return *storage::find_run(d, id);
  });
  // The attempt's number is part of the github context.
  StoredContexts contexts = decode_contexts(stored->input, run->row);
  const auto parsed = core::workflow::parse_workflow(run->workflow_path, run->source);
  run->machine.emplace(parsed.workflow, std::move(contexts.contexts), run->loaded);
  run->reviews.clear();  // they were of the attempt before
  register_run(run);
  core::log::info("run started again", {{"run", id.value}, {"attempt", run->row.attempt}});
  changed(run);
  tick();
  co_return run->row.attempt;
}

void Conductor::enter_group(const RunPointer& run, const core::run::EnterGroup& wanted) {
  core::run::RunEntry entry;
  entry.run.value = --last_call_;
  entry.repo = run->row.repo;
  entry.concurrency = wanted.concurrency;
  entry.released = wanted.held;
  calls_[entry.run] = Call{run, wanted.call};
  scheduler_.add_run(entry);
  if (wanted.held) {
    tasks_.spawn("planning called workflow", plan(run, run->machine->group_entered(wanted.call)));
  }
}

void Conductor::leave_groups(core::RunId run, const core::run::LegKey& call) {
  for (auto it = calls_.begin(); it != calls_.end();) {
    const bool same = it->second.run->row.id == run && it->second.key == call;
    if (same) scheduler_.run_finished(it->first);
    it = same ? calls_.erase(it) : std::next(it);
  }
}

void Conductor::act_on_call(const core::run::Action& action) {
  const auto found = calls_.find(action.run);
  if (found == calls_.end()) return;  // it has ended since
  const Call call = found->second;
  if (action.kind == core::run::ActionKind::release_run) {
    tasks_.spawn("planning called workflow",
                 plan(call.run, call.run->machine->group_entered(call.key)));
  } else if (action.kind == core::run::ActionKind::cancel_run) {
    tasks_.spawn("cancelling called workflow",
                 plan(call.run, call.run->machine->cancel_call(call.key, action.reason)));
  }
}

}  // namespace gantry::daemon::control
