// SPDX-License-Identifier: MIT
// Workflow runs and their attempts. A run row shows its newest attempt.
#pragma once

#include "core/run/states.hpp"
#include "storage/page.hpp"
#include "storage/sqlite.hpp"

#include <vector>

namespace gantry::storage {

enum class Trust { trusted, untrusted };
std::string_view to_string(Trust trust);
[[nodiscard]] bool parse(std::string_view text, Trust& out);

struct Run {
  core::RunId id;
  core::RepoId repo;
  core::WorkflowId workflow;
  std::int64_t run_number = 0;  // given by insert_run
  int attempt = 1;              // the newest
  std::string workflow_name;    // as it was then
  std::string event;
  std::string head_branch;
  std::string head_sha;
  std::string ref;
  std::string head_repository;  // owner/name where the head lives: a fork's for its pull requests
  std::string head_commit = "{}";  // JSON for the API
  std::string display_title;
  std::string actor;
  std::string triggering_actor;
  std::optional<core::DeliveryId> delivery;
  std::optional<std::int64_t> pull_request;
  Trust trust = Trust::untrusted;
  std::string concurrency_group;
  core::run::RunStatus status = core::run::RunStatus::queued;
  std::optional<core::run::Conclusion> conclusion;  // exactly when completed
  std::string details;                              // why, where the conclusion needs a word
  core::Timestamp created_at;
  core::Timestamp updated_at;
  std::optional<core::Timestamp> started_at;    // of the newest attempt
  std::optional<core::Timestamp> completed_at;  // of the newest attempt
  std::optional<core::Timestamp> cancel_requested_at;
};

// What a run was made of; enough to make it again after a restart or for a new attempt.
struct RunInput {
  std::string workflow_source;
  std::string contexts = "{}";  // JSON
  // Where there is no delivery (dispatch); else the delivery's payload counts.
  std::optional<std::string> event_payload;
};

struct Attempt {
  core::RunId run;
  int number = 1;
  core::run::RunStatus status = core::run::RunStatus::queued;
  std::optional<core::run::Conclusion> conclusion;
  std::string triggering_actor;
  core::Timestamp created_at;
  std::optional<core::Timestamp> started_at;
  std::optional<core::Timestamp> completed_at;
};

// Stores the run and its first attempt and takes the workflow's next run number. `id`,
// `run_number` and `attempt` of the argument are not used. created_at is raised to that of the
// newest run where the clock went back, so that the order of ids is the order of time.
core::RunId insert_run(Database& database, const Run& run, const RunInput& input);

// What is known only once the run has its id and number, because its expressions may use them.
// For a run that has not started.
void set_run_names(Database& database, core::RunId id, std::string_view display_title,
                   std::string_view concurrency_group, core::run::RunStatus status);

std::optional<Run> find_run(Database& database, core::RunId id);
RunInput run_input(Database& database, core::RunId id);  // event_payload filled from the delivery
std::vector<Run> runs_of_delivery(Database& database, core::DeliveryId delivery);
std::vector<Run> unfinished_runs(Database& database);  // by id; for a restart

enum class Change { applied, refused };

struct RunChange {
  core::run::RunStatus status = core::run::RunStatus::in_progress;
  std::optional<core::run::Conclusion> conclusion;
  std::optional<std::string> details;
};
// Changes run and newest attempt together; refused where may_become says no.
[[nodiscard]] Change change_run(Database& database, core::RunId id, const RunChange& change,
                                core::Timestamp now);
// Refused when the run is completed. Asking again keeps the first time.
[[nodiscard]] Change request_run_cancel(Database& database, core::RunId id, core::Timestamp now);

std::vector<Attempt> attempts_of_run(Database& database, core::RunId id);

// A new attempt of a completed run, queued. The jobs `kept` (of the attempt before) come along as
// they are; the others are for the caller to insert. Returns its number; throws Errc::conflict
// when the run is not completed.
int start_attempt(Database& database, core::RunId id, std::string_view triggering_actor,
                  const std::vector<core::JobId>& kept, core::Timestamp now);

// Empty fields do not filter.
struct RunFilter {
  core::RepoId repo;
  std::optional<core::WorkflowId> workflow;
  std::optional<std::string> event;
  std::optional<std::string> branch;
  std::optional<std::string> actor;
  std::optional<std::string> head_sha;
  std::optional<std::string> status;  // a status or a conclusion; an unknown word matches nothing
  std::optional<core::Timestamp> created_from;  // inclusive
  std::optional<core::Timestamp> created_to;    // inclusive
  std::optional<core::RunId> before;            // keyset: only older ones; not part of the count
};
struct RunList {
  std::vector<Run> runs;  // newest first
  std::int64_t total_count = 0;
};
RunList list_runs(Database& database, const RunFilter& filter, Page page = {});
// The newest of all repositories (or of filter.repo), without counting.
std::vector<Run> newest_runs(Database& database, const RunFilter& filter, int limit);

}  // namespace gantry::storage
