// SPDX-License-Identifier: MIT
#include "storage/jobs.hpp"

#include "core/base/error.hpp"

namespace gantry::storage {
namespace {

std::string select_jobs(std::string_view rest) {
  return std::string(
             "SELECT id, run_id, attempt, origin_id, job_key, leg, name, plan, needs, labels, "
             "outputs, status, conclusion, details, runner_pid, runner_name, token_hash, "
             "last_event, log_lines, log_bytes, created_at, started_at, completed_at, "
             "cancel_requested_at FROM jobs ")
      .append(rest);
}

Job read_job(const Statement& row) {
  Job j;
  row.read(j.id, j.run, j.attempt, j.origin, j.key, j.leg, j.name, j.plan, j.needs, j.labels,
           j.outputs, j.status, j.conclusion, j.details, j.runner_pid, j.runner_name, j.token_hash,
           j.last_event, j.log_lines, j.log_bytes, j.created_at, j.started_at, j.completed_at,
           j.cancel_requested_at);
  return j;
}

std::vector<Job> read_jobs(Statement& statement) {
  std::vector<Job> jobs;
  while (statement.next())
    jobs.push_back(read_job(statement));
  return jobs;
}

// The newest attempt, for lists.
constexpr std::string_view kNewest = "(SELECT attempt FROM runs WHERE id = ?1)";

Job existing_job(Database& database, core::JobId id, std::string_view doing) {
  std::optional<Job> job = find_job(database, id);
  if (!job) {
    throw core::Exception(
        core::Errc::not_found,
        std::string(doing) + " '" + std::to_string(id.value) + "': there is no such job");
  }
  return std::move(*job);
}

// Of an UPDATE of one job that must be there.
void check_found(Database& database, core::JobId id, std::string_view doing) {
  if (database.changed_rows() == 0) existing_job(database, id, doing);
}

// Steps whose end nobody reported (their runner was lost) do not stay open for ever.
void close_steps(Database& database, core::JobId id, const JobChange& change, core::Timestamp now) {
  database
      .prepare(
          "UPDATE steps SET conclusion = iif(status = 'in_progress', ?2, 'skipped'), "
          "completed_at = iif(status = 'in_progress', ?3, NULL), status = 'completed' "
          "WHERE job_id = ?1 AND status <> 'completed'")
      .bind(id, change.conclusion, now)
      .run();
}

}  // namespace

core::JobId insert_job(Database& database, const Job& j) {
  database
      .prepare(
          "INSERT INTO jobs (run_id, attempt, origin_id, job_key, leg, name, plan, needs, "
          "labels, outputs, status, conclusion, details, runner_pid, runner_name, token_hash, "
          "last_event, log_lines, log_bytes, created_at, started_at, completed_at, "
          "cancel_requested_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, "
          "?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23)")
      .bind(j.run, j.attempt, j.origin, j.key, j.leg, j.name, j.plan, j.needs, j.labels, j.outputs,
            j.status, j.conclusion, j.details, j.runner_pid, j.runner_name, j.token_hash,
            j.last_event, j.log_lines, j.log_bytes, j.created_at, j.started_at, j.completed_at,
            j.cancel_requested_at)
      .run();
  return core::JobId{database.last_insert_id()};
}

std::optional<Job> find_job(Database& database, core::JobId id) {
  Statement statement = database.prepare(select_jobs("WHERE id = ?1"));
  if (!statement.bind(id).next()) return std::nullopt;
  return read_job(statement);
}

std::vector<Job> jobs_of_run(Database& database, core::RunId run, int attempt) {
  if (attempt == 0) {
    Statement newest = database.prepare(
        select_jobs("WHERE run_id = ?1 AND attempt = " + std::string(kNewest) + " ORDER BY id"));
    return read_jobs(newest.bind(run));
  }
  Statement statement =
      database.prepare(select_jobs("WHERE run_id = ?1 AND attempt = ?2 ORDER BY id"));
  return read_jobs(statement.bind(run, attempt));
}

JobList list_jobs(Database& database, core::RunId run, Attempts which, Page page) {
  // Of all attempts, a job that was taken over shows once, as what it was.
  const std::string condition = which == Attempts::all
                                    ? "WHERE run_id = ?1 AND origin_id IS NULL"
                                    : "WHERE run_id = ?1 AND attempt = " + std::string(kNewest);
  JobList list;
  Statement count = database.prepare("SELECT count(*) FROM jobs " + condition);
  if (count.bind(run).next()) count.read(list.total_count);
  Statement statement =
      database.prepare(select_jobs(condition + " ORDER BY id LIMIT ?2 OFFSET ?3"));
  list.jobs = read_jobs(statement.bind(run, page.limit(), page.offset()));
  return list;
}

std::vector<Job> unfinished_jobs(Database& database) {
  Statement statement = database.prepare(select_jobs("WHERE status <> 'completed' ORDER BY id"));
  return read_jobs(statement);
}

Change change_job(Database& database, core::JobId id, const JobChange& change,
                  core::Timestamp now) {
  const Job job = existing_job(database, id, "changing job");
  if (!core::run::may_become(job.status, change.status)) return Change::refused;
  database
      .prepare(
          "UPDATE jobs SET status = ?2, conclusion = ?3, details = coalesce(?4, details), "
          "outputs = coalesce(?5, outputs), "
          "started_at = iif(?2 = 'in_progress', ?6, started_at), "
          "completed_at = iif(?2 = 'completed', ?6, NULL) WHERE id = ?1")
      .bind(id, change.status, change.conclusion, change.details, change.outputs, now)
      .run();
  if (change.status == core::run::JobStatus::completed) close_steps(database, id, change, now);
  return Change::applied;
}

Change take_event(Database& database, core::JobId id, std::int64_t sequence) {
  database.prepare("UPDATE jobs SET last_event = ?2 WHERE id = ?1 AND last_event < ?2")
      .bind(id, sequence)
      .run();
  if (database.changed_rows() > 0) return Change::applied;
  existing_job(database, id, "taking an event of job");
  return Change::refused;
}

Change request_job_cancel(Database& database, core::JobId id, core::Timestamp now) {
  database
      .prepare(
          "UPDATE jobs SET cancel_requested_at = coalesce(cancel_requested_at, ?2) "
          "WHERE id = ?1 AND status <> 'completed'")
      .bind(id, now)
      .run();
  if (database.changed_rows() > 0) return Change::applied;
  existing_job(database, id, "cancelling job");
  return Change::refused;
}

void set_runner(Database& database, core::JobId id, std::int64_t pid, std::string_view name) {
  database.prepare("UPDATE jobs SET runner_pid = ?2, runner_name = ?3 WHERE id = ?1")
      .bind(id, pid, name)
      .run();
  check_found(database, id, "noting the runner of job");
}

void set_token_hash(Database& database, core::JobId id, std::string_view hash) {
  database.prepare("UPDATE jobs SET token_hash = ?2 WHERE id = ?1").bind(id, hash).run();
  check_found(database, id, "noting the token of job");
}

void set_log_size(Database& database, core::JobId id, std::int64_t lines, std::int64_t bytes) {
  database.prepare("UPDATE jobs SET log_lines = ?2, log_bytes = ?3 WHERE id = ?1")
      .bind(id, lines, bytes)
      .run();
  check_found(database, id, "noting the log size of job");
}

}  // namespace gantry::storage
