// SPDX-License-Identifier: MIT
// Jobs (matrix legs) of an attempt, with their steps, annotations and summaries.
#pragma once

#include "core/run/states.hpp"
#include "storage/runs.hpp"
#include "storage/sqlite.hpp"

#include <vector>

namespace gantry::storage {

struct Job {
  core::JobId id;
  core::RunId run;
  int attempt = 1;
  // Set on a job that a new attempt took over: log, steps, annotations are that job's. The
  // functions here look there by themselves; for the log use log_owner.
  std::optional<core::JobId> origin;
  std::string key;  // the id in the workflow file
  int leg = 0;      // which combination of the matrix
  std::string name;
  std::string plan = "{}";     // JSON: matrix, strategy, limits
  std::string needs = "[]";    // JSON
  std::string labels = "[]";   // JSON
  std::string outputs = "{}";  // JSON
  core::run::JobStatus status = core::run::JobStatus::queued;
  std::optional<core::run::Conclusion> conclusion;  // exactly when completed
  std::string details;                              // why it was skipped, how it died
  std::optional<std::int64_t> runner_pid;
  std::string runner_name;
  std::string token_hash;  // of the one-job token
  std::int64_t last_event = 0;
  std::int64_t log_lines = 0;
  std::int64_t log_bytes = 0;
  core::Timestamp created_at;
  std::optional<core::Timestamp> started_at;
  std::optional<core::Timestamp> completed_at;
  std::optional<core::Timestamp> cancel_requested_at;

  core::JobId log_owner() const { return origin.value_or(id); }
};

struct Step {
  int number = 0;  // from 1
  std::string name;
  core::run::StepStatus status = core::run::StepStatus::queued;
  std::optional<core::run::Conclusion> conclusion;
  std::optional<core::run::Conclusion> outcome;  // before continue-on-error
  std::optional<core::Timestamp> started_at;
  std::optional<core::Timestamp> completed_at;
  std::optional<std::int64_t> log_first;  // lines [log_first, log_end)
  std::optional<std::int64_t> log_end;
};

enum class AnnotationLevel { notice, warning, failure };
std::string_view to_string(AnnotationLevel level);
[[nodiscard]] bool parse(std::string_view text, AnnotationLevel& out);

struct Annotation {
  std::int64_t id = 0;  // given when added
  std::optional<int> step;
  AnnotationLevel level = AnnotationLevel::failure;
  std::string path;
  int start_line = 1;
  int end_line = 1;
  std::optional<int> start_column;
  std::optional<int> end_column;
  std::string title;
  std::string message;
  std::string raw_details;
};

struct StepSummary {
  int step = 0;
  std::string text;
};

core::JobId insert_job(Database& database, const Job& job);  // `id` is not used
std::optional<Job> find_job(Database& database, core::JobId id);
// By id. `attempt` 0: the newest.
std::vector<Job> jobs_of_run(Database& database, core::RunId run, int attempt = 0);
enum class Attempts { newest, all };
struct JobList {
  std::vector<Job> jobs;
  std::int64_t total_count = 0;
};
JobList list_jobs(Database& database, core::RunId run, Attempts which, Page page = {});
std::vector<Job> unfinished_jobs(Database& database);  // by id; for a restart

struct JobChange {
  core::run::JobStatus status = core::run::JobStatus::in_progress;
  std::optional<core::run::Conclusion> conclusion;  // exactly with completed
  std::optional<std::string> details;
  std::optional<std::string> outputs;  // JSON
};
// Refused where may_become says no. Sets started_at and completed_at.
[[nodiscard]] Change change_job(Database& database, core::JobId id, const JobChange& change,
                                core::Timestamp now);
// Notes that the runner's event `sequence` is taken; refused when it was before (do nothing then).
// Call it first in the closure that stores what the event says.
[[nodiscard]] Change take_event(Database& database, core::JobId id, std::int64_t sequence);
// Refused when the job is completed. Asking again keeps the first time.
[[nodiscard]] Change request_job_cancel(Database& database, core::JobId id, core::Timestamp now);
void set_runner(Database& database, core::JobId id, std::int64_t pid, std::string_view name);
void set_token_hash(Database& database, core::JobId id, std::string_view hash);
void set_log_size(Database& database, core::JobId id, std::int64_t lines, std::int64_t bytes);

// Inserts or replaces; a completed step stays as it is.
void put_step(Database& database, core::JobId job, const Step& step);
std::vector<Step> steps_of_job(Database& database, core::JobId job);  // by number

void add_annotation(Database& database, core::JobId job, const Annotation& annotation);
// In the order they were added, from number `offset` (0-based).
std::vector<Annotation> annotations_of_job(Database& database, core::JobId job,
                                           std::int64_t offset = 0, int limit = 1000);
std::int64_t count_annotations(Database& database, core::JobId job);

void put_step_summary(Database& database, core::JobId job, const StepSummary& summary);
std::vector<StepSummary> summaries_of_job(Database& database, core::JobId job);

}  // namespace gantry::storage
