// SPDX-License-Identifier: MIT
#include "storage/runs.hpp"

#include "core/base/error.hpp"
#include "storage/run_row.hpp"
#include "storage/words.hpp"

#include <algorithm>

namespace gantry::storage {
namespace {

constexpr std::array<std::string_view, 2> kTrusts = {"trusted", "untrusted"};

std::vector<Run> read_runs(Statement& statement) {
  std::vector<Run> runs;
  while (statement.next())
    runs.push_back(read_run(statement));
  return runs;
}

core::Timestamp newest_created_at(Database& database) {
  Statement statement = database.prepare("SELECT created_at FROM runs ORDER BY id DESC LIMIT 1");
  core::Timestamp newest;
  if (statement.next()) statement.read(newest);
  return newest;
}

std::int64_t take_run_number(Database& database, core::WorkflowId workflow) {
  Statement statement = database.prepare(
      "UPDATE workflows SET next_run_number = next_run_number + 1 WHERE id = ?1 "
      "RETURNING next_run_number - 1");
  std::int64_t number = 0;
  if (!statement.bind(workflow).next()) {
    throw core::Exception(core::Errc::not_found, "storing a run of workflow '" +
                                                     std::to_string(workflow.value) +
                                                     "': there is no such workflow");
  }
  statement.read(number);
  statement.run();
  return number;
}

void insert_attempt(Database& database, const Attempt& attempt) {
  database
      .prepare(
          "INSERT INTO attempts (run_id, number, status, conclusion, triggering_actor, created_at, "
          "started_at, completed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")
      .bind(attempt.run, attempt.number, attempt.status, attempt.conclusion,
            attempt.triggering_actor, attempt.created_at, attempt.started_at, attempt.completed_at)
      .run();
}

void copy_job(Database& database, core::JobId job, core::RunId run, int attempt) {
  database
      .prepare(
          "INSERT INTO jobs (run_id, attempt, origin_id, job_key, leg, name, plan, needs, "
          "labels, outputs, status, conclusion, details, runner_pid, runner_name, token_hash, "
          "last_event, log_lines, log_bytes, created_at, started_at, completed_at, "
          "cancel_requested_at) "
          "SELECT run_id, ?3, coalesce(origin_id, id), job_key, leg, name, plan, needs, labels, "
          "outputs, status, conclusion, details, NULL, runner_name, '', last_event, log_lines, "
          "log_bytes, created_at, started_at, completed_at, cancel_requested_at FROM jobs "
          "WHERE id = ?1 AND run_id = ?2 AND attempt = ?3 - 1 AND status = 'completed'")
      .bind(job, run, attempt)
      .run();
  if (database.changed_rows() == 0) {
    throw core::Exception(core::Errc::invalid, "starting attempt " + std::to_string(attempt) +
                                                   " of run '" + std::to_string(run.value) +
                                                   "': job " + std::to_string(job.value) +
                                                   " is no completed job of the attempt before");
  }
}

Run existing_run(Database& database, core::RunId id, std::string_view doing) {
  std::optional<Run> run = find_run(database, id);
  if (!run) {
    throw core::Exception(
        core::Errc::not_found,
        std::string(doing) + " '" + std::to_string(id.value) + "': there is no such run");
  }
  return std::move(*run);
}

}  // namespace

std::string_view to_string(Trust trust) {
  return word_of(kTrusts, trust);
}
bool parse(std::string_view text, Trust& out) {
  return parse_word(kTrusts, text, out);
}

core::RunId insert_run(Database& database, const Run& given, const RunInput& input) {
  Transaction transaction(database);
  Run run = given;
  run.run_number = take_run_number(database, run.workflow);
  run.attempt = 1;
  run.created_at = std::max(run.created_at, newest_created_at(database));
  run.updated_at = std::max(run.updated_at, run.created_at);
  insert_run_row(database, run);
  run.id = core::RunId{database.last_insert_id()};
  database
      .prepare(
          "INSERT INTO run_inputs (run_id, workflow_source, contexts, event_payload) "
          "VALUES (?1, ?2, ?3, ?4)")
      .bind(run.id, input.workflow_source, input.contexts,
            input.event_payload ? std::optional(Blob{*input.event_payload}) : std::nullopt)
      .run();
  insert_attempt(database, Attempt{.run = run.id,
                                   .number = 1,
                                   .status = run.status,
                                   .conclusion = run.conclusion,
                                   .triggering_actor = run.triggering_actor,
                                   .created_at = run.created_at,
                                   .started_at = run.started_at,
                                   .completed_at = run.completed_at});
  transaction.commit();
  return run.id;
}

void set_run_names(Database& database, core::RunId id, std::string_view display_title,
                   std::string_view concurrency_group, core::run::RunStatus status) {
  database
      .prepare(
          "UPDATE runs SET display_title = ?2, concurrency_group = ?3, status = ?4 "
          "WHERE id = ?1 AND status NOT IN ('in_progress', 'completed')")
      .bind(id, display_title, concurrency_group, status)
      .run();
  database
      .prepare(
          "UPDATE attempts SET status = ?2 WHERE run_id = ?1 "
          "AND number = (SELECT attempt FROM runs WHERE id = ?1) "
          "AND status NOT IN ('in_progress', 'completed')")
      .bind(id, status)
      .run();
}

std::optional<Run> find_run(Database& database, core::RunId id) {
  Statement statement = database.prepare(select_runs("WHERE id = ?1"));
  if (!statement.bind(id).next()) return std::nullopt;
  return read_run(statement);
}

RunInput run_input(Database& database, core::RunId id) {
  Statement statement = database.prepare(
      "SELECT i.workflow_source, i.contexts, coalesce(i.event_payload, d.payload) "
      "FROM run_inputs i JOIN runs r ON r.id = i.run_id "
      "LEFT JOIN deliveries d ON d.id = r.delivery_id WHERE i.run_id = ?1");
  if (!statement.bind(id).next()) existing_run(database, id, "reading what made run");
  RunInput input;
  statement.read(input.workflow_source, input.contexts, input.event_payload);
  return input;
}

std::vector<Run> runs_of_delivery(Database& database, core::DeliveryId delivery) {
  Statement statement = database.prepare(select_runs("WHERE delivery_id = ?1 ORDER BY id"));
  return read_runs(statement.bind(delivery));
}

std::vector<Run> unfinished_runs(Database& database) {
  Statement statement = database.prepare(select_runs("WHERE status <> 'completed' ORDER BY id"));
  return read_runs(statement);
}

Change change_run(Database& database, core::RunId id, const RunChange& change,
                  core::Timestamp now) {
  Transaction transaction(database);
  const Run run = existing_run(database, id, "changing run");
  if (!core::run::may_become(run.status, change.status)) return Change::refused;
  database
      .prepare(
          "UPDATE runs SET status = ?2, conclusion = ?3, details = coalesce(?4, details), "
          "started_at = iif(?2 = 'in_progress', ?5, started_at), "
          "completed_at = iif(?2 = 'completed', ?5, NULL), updated_at = ?5 WHERE id = ?1")
      .bind(id, change.status, change.conclusion, change.details, now)
      .run();
  database
      .prepare(
          "UPDATE attempts SET status = ?3, conclusion = ?4, "
          "started_at = iif(?3 = 'in_progress', ?5, started_at), "
          "completed_at = iif(?3 = 'completed', ?5, NULL) WHERE run_id = ?1 AND number = ?2")
      .bind(id, run.attempt, change.status, change.conclusion, now)
      .run();
  transaction.commit();
  return Change::applied;
}

Change request_run_cancel(Database& database, core::RunId id, core::Timestamp now) {
  database
      .prepare(
          "UPDATE runs SET cancel_requested_at = coalesce(cancel_requested_at, ?2), "
          "updated_at = ?2 WHERE id = ?1 AND status <> 'completed'")
      .bind(id, now)
      .run();
  return database.changed_rows() > 0 ? Change::applied : Change::refused;
}

std::vector<Attempt> attempts_of_run(Database& database, core::RunId id) {
  Statement statement = database.prepare(
      "SELECT run_id, number, status, conclusion, triggering_actor, created_at, started_at, "
      "completed_at FROM attempts WHERE run_id = ?1 ORDER BY number");
  statement.bind(id);
  std::vector<Attempt> attempts;
  while (statement.next()) {
    Attempt& a = attempts.emplace_back();
    statement.read(a.run, a.number, a.status, a.conclusion, a.triggering_actor, a.created_at,
                   a.started_at, a.completed_at);
  }
  return attempts;
}

int start_attempt(Database& database, core::RunId id, std::string_view triggering_actor,
                  const std::vector<core::JobId>& kept, core::Timestamp now) {
  Transaction transaction(database);
  const Run run = existing_run(database, id, "re-running run");
  if (!is_terminal(run.status)) {
    throw core::Exception(core::Errc::conflict,
                          "re-running run '" + std::to_string(id.value) + "': it is " +
                              std::string(to_string(run.status)) + "; cancel it first");
  }
  const int number = run.attempt + 1;
  insert_attempt(database, Attempt{.run = id,
                                   .number = number,
                                   .triggering_actor = std::string(triggering_actor),
                                   .created_at = now});
  database
      .prepare(
          "UPDATE runs SET attempt = ?2, status = 'queued', conclusion = NULL, details = '', "
          "triggering_actor = ?3, started_at = NULL, completed_at = NULL, "
          "cancel_requested_at = NULL, updated_at = ?4 WHERE id = ?1")
      .bind(id, number, triggering_actor, now)
      .run();
  for (const core::JobId job : kept)
    copy_job(database, job, id, number);
  transaction.commit();
  return number;
}

}  // namespace gantry::storage
