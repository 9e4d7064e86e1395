// SPDX-License-Identifier: MIT
// What hangs on a job: steps, annotations, summaries.
#include "storage/jobs.hpp"
#include "storage/words.hpp"

namespace gantry::storage {
namespace {

constexpr std::array<std::string_view, 3> kLevels = {"notice", "warning", "failure"};

// Whose rows a job shows: a job taken over by a later attempt shows its origin's.
constexpr std::string_view kOwner = "(SELECT coalesce(origin_id, id) FROM jobs WHERE id = ?1)";

std::string of_owner(std::string_view select, std::string_view rest) {
  return std::string(select).append(" WHERE job_id = ").append(kOwner).append(rest);
}

}  // namespace

std::string_view to_string(AnnotationLevel level) {
  return word_of(kLevels, level);
}
bool parse(std::string_view text, AnnotationLevel& out) {
  return parse_word(kLevels, text, out);
}

void put_step(Database& database, core::JobId job, const Step& s) {
  database
      .prepare(
          "INSERT INTO steps (job_id, number, name, status, conclusion, outcome, started_at, "
          "completed_at, log_first, log_end) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) "
          "ON CONFLICT (job_id, number) DO UPDATE SET name = excluded.name, "
          "status = excluded.status, conclusion = excluded.conclusion, "
          "outcome = excluded.outcome, started_at = excluded.started_at, "
          "completed_at = excluded.completed_at, log_first = excluded.log_first, "
          "log_end = excluded.log_end WHERE status <> 'completed' "
          // Where the lines of a background step stand is known later.
          "OR (log_end IS NULL AND excluded.status = 'completed')")
      .bind(job, s.number, s.name, s.status, s.conclusion, s.outcome, s.started_at, s.completed_at,
            s.log_first, s.log_end)
      .run();
}

std::vector<Step> steps_of_job(Database& database, core::JobId job) {
  Statement statement = database.prepare(
      of_owner("SELECT number, name, status, conclusion, outcome, started_at, completed_at, "
               "log_first, log_end FROM steps",
               " ORDER BY number"));
  statement.bind(job);
  std::vector<Step> steps;
  while (statement.next()) {
    Step& s = steps.emplace_back();
    statement.read(s.number, s.name, s.status, s.conclusion, s.outcome, s.started_at,
                   s.completed_at, s.log_first, s.log_end);
  }
  return steps;
}

void add_annotation(Database& database, core::JobId job, const Annotation& a) {
  database
      .prepare(
          "INSERT INTO annotations (job_id, step, level, path, start_line, end_line, start_column, "
          "end_column, title, message, raw_details) "
          "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)")
      .bind(job, a.step, a.level, a.path, a.start_line, a.end_line, a.start_column, a.end_column,
            a.title, a.message, a.raw_details)
      .run();
}

std::vector<Annotation> annotations_of_job(Database& database, core::JobId job, std::int64_t offset,
                                           int limit) {
  Statement statement = database.prepare(
      of_owner("SELECT id, step, level, path, start_line, end_line, start_column, end_column, "
               "title, message, raw_details FROM annotations",
               " ORDER BY id LIMIT ?2 OFFSET ?3"));
  statement.bind(job, limit, offset);
  std::vector<Annotation> annotations;
  while (statement.next()) {
    Annotation& a = annotations.emplace_back();
    statement.read(a.id, a.step, a.level, a.path, a.start_line, a.end_line, a.start_column,
                   a.end_column, a.title, a.message, a.raw_details);
  }
  return annotations;
}

std::int64_t count_annotations(Database& database, core::JobId job) {
  Statement statement = database.prepare(of_owner("SELECT count(*) FROM annotations", ""));
  std::int64_t count = 0;
  if (statement.bind(job).next()) statement.read(count);
  return count;
}

void put_step_summary(Database& database, core::JobId job, const StepSummary& summary) {
  database
      .prepare(
          "INSERT INTO step_summaries (job_id, step, text) VALUES (?1, ?2, ?3) "
          "ON CONFLICT (job_id, step) DO UPDATE SET text = excluded.text")
      .bind(job, summary.step, summary.text)
      .run();
}

std::vector<StepSummary> summaries_of_job(Database& database, core::JobId job) {
  Statement statement =
      database.prepare(of_owner("SELECT step, text FROM step_summaries", " ORDER BY step"));
  statement.bind(job);
  std::vector<StepSummary> summaries;
  while (statement.next()) {
    StepSummary& summary = summaries.emplace_back();
    statement.read(summary.step, summary.text);
  }
  return summaries;
}

}  // namespace gantry::storage
