// SPDX-License-Identifier: MIT
// A fresh migrated database, and rows to start from.
#pragma once

#include "core/base/files.hpp"
#include "storage/deliveries.hpp"
#include "storage/jobs.hpp"
#include "storage/migrations.hpp"
#include "storage/outbox.hpp"
#include "storage/repos.hpp"
#include "storage/runs.hpp"
#include "storage/workflows.hpp"

#include <stdexcept>

namespace gantry::storage::test {

inline core::Timestamp at(std::int64_t millis) {
  return core::Timestamp(std::chrono::milliseconds(millis));
}

struct Fixture {
  core::TempDir dir;
  Database db = open();
  core::RepoId repo = put_repository(
      db, Repository{.full_name = "octo/hello", .clone_url = "https://example.test/octo/hello"},
      at(1));
  core::WorkflowId workflow = put_workflow(db, repo, ".github/workflows/ci.yml", "CI", at(1));

  Database open() const {
    Database database(dir.path() / "gantry.db");
    migrate(database);
    return database;
  }

  Run run() const {
    return Run{.repo = repo,
               .workflow = workflow,
               .workflow_name = "CI",
               .event = "push",
               .head_branch = "main",
               .head_sha = "a1",
               .ref = "refs/heads/main",
               .actor = "mona",
               .triggering_actor = "mona",
               .trust = Trust::trusted,
               .created_at = at(1000),
               .updated_at = at(1000)};
  }
  core::RunId add_run() { return insert_run(db, run(), RunInput{.workflow_source = "on: push"}); }
  core::JobId add_job(core::RunId run_id, std::string key = "build", int leg = 0, int attempt = 1) {
    Job job{.run = run_id, .attempt = attempt, .key = key, .leg = leg, .name = key};
    job.created_at = at(1000);
    return insert_job(db, job);
  }
  void finish_job(core::JobId job, core::run::Conclusion conclusion) {
    const JobChange change{.status = core::run::Status::completed, .conclusion = conclusion};
    if (change_job(db, job, change, at(3000)) != Change::applied) throw std::runtime_error("job");
  }
  void finish_run(core::RunId run_id, core::run::Conclusion conclusion) {
    const RunChange change{.status = core::run::Status::completed, .conclusion = conclusion};
    if (change_run(db, run_id, change, at(3000)) != Change::applied)
      throw std::runtime_error("run");
  }
};

}  // namespace gantry::storage::test
