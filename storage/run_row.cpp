// SPDX-License-Identifier: MIT
#include "storage/run_row.hpp"

namespace gantry::storage {

std::string select_runs(std::string_view rest) {
  return std::string(
             "SELECT id, repo_id, workflow_id, run_number, attempt, workflow_name, event, "
             "head_branch, head_sha, ref, head_repository, head_commit, display_title, actor, "
             "triggering_actor, delivery_id, pull_request, trust, concurrency_group, status, "
             "conclusion, details, created_at, updated_at, started_at, completed_at, "
             "cancel_requested_at FROM runs ")
      .append(rest);
}

Run read_run(const Statement& row) {
  Run r;
  row.read(r.id, r.repo, r.workflow, r.run_number, r.attempt, r.workflow_name, r.event,
           r.head_branch, r.head_sha, r.ref, r.head_repository, r.head_commit, r.display_title,
           r.actor, r.triggering_actor, r.delivery, r.pull_request, r.trust, r.concurrency_group,
           r.status, r.conclusion, r.details, r.created_at, r.updated_at, r.started_at,
           r.completed_at, r.cancel_requested_at);
  return r;
}

void insert_run_row(Database& database, const Run& r) {
  database
      .prepare(
          "INSERT INTO runs (repo_id, workflow_id, run_number, attempt, workflow_name, event, "
          "head_branch, head_sha, ref, head_repository, head_commit, display_title, actor, "
          "triggering_actor, delivery_id, pull_request, trust, concurrency_group, status, "
          "conclusion, details, created_at, updated_at, started_at, completed_at, "
          "cancel_requested_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, "
          "?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26)")
      .bind(r.repo, r.workflow, r.run_number, r.attempt, r.workflow_name, r.event, r.head_branch,
            r.head_sha, r.ref, r.head_repository, r.head_commit, r.display_title, r.actor,
            r.triggering_actor, r.delivery, r.pull_request, r.trust, r.concurrency_group, r.status,
            r.conclusion, r.details, r.created_at, r.updated_at, r.started_at, r.completed_at,
            r.cancel_requested_at)
      .run();
}

}  // namespace gantry::storage
