// SPDX-License-Identifier: MIT
#include "daemon/control/job_events.hpp"

#include "core/base/text.hpp"
#include "daemon/control/job_message.hpp"
#include "daemon/control/run_rows.hpp"

namespace gantry::daemon::control {
namespace {

using storage::Database;

storage::AnnotationLevel level_of(proto::AnnotationLevel level) {
  switch (level) {
    case proto::AnnotationLevel::notice:
      return storage::AnnotationLevel::notice;
    case proto::AnnotationLevel::warning:
      return storage::AnnotationLevel::warning;
    case proto::AnnotationLevel::error:
      return storage::AnnotationLevel::failure;
  }
  return storage::AnnotationLevel::failure;
}

// What one event does to the rows.
class Storing {
 public:
  Storing(Database& database, const ActiveJob& job, const RunTeller& runs, EventsStored& stored,
          core::Timestamp now)
      : d_(database), job_(job), runs_(runs), stored_(stored), now_(now) {}

  void operator()(const proto::JobStarted& event) {
    storage::JobChange change;
    if (change_job(d_, job_.id, change, now_) == storage::Change::refused) return;
    storage::RunChange run;
    const core::RunId id = job_.run->row.id;
    if (change_run(d_, id, run, now_) == storage::Change::applied) {  // refused: it runs already
      runs_.tell(d_, id, RunPhase::in_progress, job_.run->machine->contexts().github, now_,
                 stored_.told);
    }
    if (event.pid > 0) set_runner(d_, job_.id, event.pid, runner_name());
    stored_.started = true;
  }

  void operator()(const proto::StepChanged& event) {
    storage::Step step;
    step.number = event.number;
    step.name = event.name;
    step.status = event.status;
    step.conclusion = event.conclusion;
    step.outcome = event.outcome;
    step.started_at = event.started_at;
    step.completed_at = event.completed_at;
    // The protocol counts lines from 1, rows from 0 with the end behind the last.
    if (event.first_line > 0) step.log_first = event.first_line - 1;
    if (event.last_line > 0) step.log_end = event.last_line;
    put_step(d_, job_.id, step);
  }

  void operator()(const proto::LogAdvanced& event) {
    set_log_size(d_, job_.id, event.lines, event.bytes);
  }

  void operator()(const proto::JobAnnotation& event) {
    storage::Annotation annotation;
    if (event.step > 0) annotation.step = event.step;
    annotation.level = level_of(event.level);
    // GitHub wants a path: without one the annotation stands on the workflow file.
    annotation.path = event.file.empty() ? job_.run->workflow_path : event.file;
    annotation.start_line = std::max(1, event.line);
    annotation.end_line = std::max(annotation.start_line, event.end_line);
    if (event.column > 0) annotation.start_column = event.column;
    if (event.end_column > 0) annotation.end_column = event.end_column;
    annotation.title = event.title;
    annotation.message = event.message;
    add_annotation(d_, job_.id, annotation);
  }

  void operator()(const proto::StepSummary& event) {
    storage::StepSummary summary;
    summary.step = event.step;
    summary.text = event.text;
    put_step_summary(d_, job_.id, summary);
  }

  void operator()(const proto::JobCompleted& event) {
    storage::JobChange change;
    change.status = core::run::JobStatus::completed;
    change.conclusion = event.conclusion;
    change.details = event.reason;
    change.outputs = encode_outputs(event.outputs);
    if (change_job(d_, job_.id, change, now_) == storage::Change::refused) return;
    stored_.completed = change.conclusion;
    stored_.outputs = event.outputs;
  }

 private:
  Database& d_;
  const ActiveJob& job_;
  const RunTeller& runs_;
  EventsStored& stored_;
  core::Timestamp now_;
};

}  // namespace

EventsStored store_events(Database& database, const ActiveJob& job,
                          const std::vector<proto::RunnerEvent>& events, const ReportTo& report,
                          core::Timestamp now) {
  EventsStored stored;
  Storing storing(database, job, report.runs, stored, now);
  for (const proto::RunnerEvent& event : events) {
    if (take_event(database, job.id, event.sequence) == storage::Change::refused) continue;
    std::visit(storing, event.body);
  }
  const auto row = find_job(database, job.id);
  if (!row) return stored;
  stored.acked = row->last_event;
  if (report.channel && (stored.started || stored.completed)) {
    want_report(database, *report.channel, job.run->row, *row, report.public_url, now);
  }
  return stored;
}

core::Result<std::vector<proto::RunnerEvent>> decode_events(std::string_view ndjson, Torn torn) {
  std::vector<proto::RunnerEvent> events;
  while (!ndjson.empty()) {
    const std::size_t end = ndjson.find('\n');
    if (end == std::string_view::npos && torn == Torn::allowed) break;
    const std::string_view line = ndjson.substr(0, end);
    ndjson.remove_prefix(end == std::string_view::npos ? ndjson.size() : end + 1);
    if (line.empty()) continue;
    auto event = proto::decode_runner_event(line);
    if (!event) return core::fail(std::move(event.error()));
    events.push_back(std::move(*event));
  }
  return events;
}

}  // namespace gantry::daemon::control
