// SPDX-License-Identifier: MIT
// bench_fill STATE_FOLDER COUNT: a history of COUNT completed runs, two jobs of three steps each,
// written through storage as gantryd writes it.
#include "core/base/error.hpp"
#include "storage/jobs.hpp"
#include "storage/layout.hpp"
#include "storage/migrations.hpp"
#include "storage/repos.hpp"
#include "storage/runs.hpp"
#include "storage/workflows.hpp"

#include <cstdio>
#include <cstdlib>

namespace {

using namespace gantry;
using core::run::Conclusion;

constexpr long kRunsInCommit = 1000;
constexpr int kJobs = 2;
constexpr int kSteps = 3;

void store_job(storage::Database& database, core::RunId run, int leg, core::Timestamp now) {
  storage::Job job;
  job.run = run;
  job.key = "build";
  job.leg = leg;
  job.name = "build (" + std::to_string(leg) + ")";
  job.labels = R"(["ubuntu-latest"])";
  job.status = core::run::JobStatus::completed;
  job.conclusion = Conclusion::success;
  job.created_at = now;
  job.started_at = now;
  job.completed_at = now;
  const core::JobId id = storage::insert_job(database, job);
  for (int number = 1; number <= kSteps; ++number) {
    storage::Step step;
    step.number = number;
    step.name = "Run make " + std::to_string(number);
    step.status = core::run::StepStatus::completed;
    step.conclusion = Conclusion::success;
    step.outcome = Conclusion::success;
    step.started_at = now;
    step.completed_at = now;
    storage::put_step(database, id, step);
  }
}

void store_run(storage::Database& database, core::RepoId repo, core::WorkflowId workflow, long i) {
  const core::Timestamp now{std::chrono::milliseconds(1'750'000'000'000 + i * 1000)};
  storage::Run run;
  run.repo = repo;
  run.workflow = workflow;
  run.workflow_name = "CI";
  run.event = "push";
  run.head_branch = "branch-" + std::to_string(i % 100);
  run.head_sha = std::string(32, 'a') + std::to_string(10'000'000 + i);
  run.ref = "refs/heads/" + run.head_branch;
  run.head_repository = "octo/history";
  run.display_title = "Change " + std::to_string(i);
  run.actor = run.triggering_actor = "mona";
  run.trust = storage::Trust::trusted;
  run.created_at = now;
  storage::RunInput input;
  input.workflow_source = "on: push\njobs:\n  build:\n    runs-on: ubuntu-latest\n";
  const core::RunId id = storage::insert_run(database, run, input);
  for (int leg = 0; leg < kJobs; ++leg)
    store_job(database, id, leg, now);
  storage::RunChange change;
  change.status = core::run::RunStatus::completed;
  change.conclusion = i % 10 == 0 ? Conclusion::failure : Conclusion::success;
  if (storage::change_run(database, id, change, now) == storage::Change::refused) std::abort();
}

void fill(const char* state, long count) {
  storage::Layout layout(state);
  layout.create();
  storage::Database database(layout.database());
  storage::migrate(database);
  storage::Repository repository;
  repository.full_name = "octo/history";
  repository.clone_url = "/nonexistent";
  const core::Timestamp now{std::chrono::milliseconds(1'750'000'000'000)};
  const auto repo = storage::put_repository(database, repository, now);
  const auto workflow =
      storage::put_workflow(database, repo, ".github/workflows/ci.yml", "CI", now);
  for (long done = 0; done < count;) {
    storage::Transaction transaction(database);
    for (const long end = std::min(count, done + kRunsInCommit); done < end; ++done)
      store_run(database, repo, workflow, done);
    transaction.commit();
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: bench_fill STATE_FOLDER COUNT\n", stderr);
    return 2;
  }
  try {
    fill(argv[1], std::atol(argv[2]));
  } catch (const core::Exception& exception) {
    std::fprintf(stderr, "bench_fill: %s\n", exception.what());
    return 1;
  }
  return 0;
}
