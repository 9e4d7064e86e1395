// SPDX-License-Identifier: MIT
#include "fixture.hpp"

#include <doctest/doctest.h>

#include <chrono>

using namespace gantry;
using namespace gantry::storage;
using core::run::Conclusion;
using core::run::Status;
using test::at;

namespace {

using Ids = std::vector<std::int64_t>;

Ids ids_of(const RunList& list) {
  Ids ids;
  for (const Run& run : list.runs)
    ids.push_back(run.id.value);
  return ids;
}

core::RunId add(test::Fixture& f, const Run& run) {
  return insert_run(f.db, run, {});
}

}  // namespace

TEST_CASE("run list: newest first, in pages, with the count of all") {
  test::Fixture f;
  for (int i = 0; i < 5; ++i)
    f.add_run();
  const RunFilter filter{.repo = f.repo};
  CHECK(ids_of(list_runs(f.db, filter, {.number = 1, .size = 2})) == Ids{5, 4});
  CHECK(ids_of(list_runs(f.db, filter, {.number = 3, .size = 2})) == Ids{1});
  CHECK(ids_of(list_runs(f.db, filter, {.number = 4, .size = 2})).empty());
  CHECK(ids_of(list_runs(f.db, filter, {.number = -1, .size = 0})) == Ids{5});
  CHECK(list_runs(f.db, filter, {.number = 3, .size = 2}).total_count == 5);
  RunFilter keyset = filter;
  keyset.before = core::RunId{4};
  CHECK(ids_of(list_runs(f.db, keyset, {.number = 1, .size = 2})) == Ids{3, 2});
  CHECK(list_runs(f.db, RunFilter{.repo = core::RepoId{99}}).total_count == 0);
}

TEST_CASE("run list: every filter selects and counts the same runs") {
  test::Fixture f;
  const core::WorkflowId other = put_workflow(f.db, f.repo, "other.yml", "Other", at(1));
  for (int i = 0; i < 24; ++i) {  // run i + 1
    Run run = f.run();
    run.workflow = i % 2 == 0 ? f.workflow : other;
    run.event = i % 3 == 0 ? "pull_request" : "push";
    run.head_branch = i % 4 == 0 ? "dev" : "main";
    run.actor = i % 6 == 0 ? "hubot" : "mona";
    run.head_sha = i % 8 == 0 ? "b2" : "a1";
    run.created_at = at(1000 + 10 * i);
    const core::RunId id = add(f, run);
    if (i < 12) f.finish_run(id, i % 5 == 0 ? Conclusion::failure : Conclusion::success);
  }
  const auto check = [&](const RunFilter& filter, const Ids& expected) {
    const RunList list = list_runs(f.db, filter);
    CHECK(ids_of(list) == expected);
    CHECK(list.total_count == static_cast<std::int64_t>(expected.size()));
  };
  const RunFilter all{.repo = f.repo};
  RunFilter filter = all;
  filter.branch = "dev";
  check(filter, {21, 17, 13, 9, 5, 1});
  filter.status = "failure";
  check(filter, {1});
  filter = all;
  filter.status = "failure";
  check(filter, {11, 6, 1});
  filter.status = "completed";
  filter.workflow = other;
  check(filter, {12, 10, 8, 6, 4, 2});
  filter.status = "queued";
  filter.event = "pull_request";
  check(filter, {22, 16});
  filter = all;
  filter.status = "no such word";
  check(filter, {});
  filter = all;
  filter.actor = "hubot";
  check(filter, {19, 13, 7, 1});
  filter.head_sha = "b2";
  check(filter, {1});
  filter = all;
  filter.created_from = at(1010);
  filter.created_to = at(1030);
  check(filter, {4, 3, 2});
  filter.created_from = at(1011);
  check(filter, {4, 3});
  filter.created_from = at(9999);
  filter.created_to.reset();
  check(filter, {});
}

TEST_CASE("run list: a clock that goes back does not break the order of time") {
  test::Fixture f;
  Run run = f.run();
  run.created_at = at(5000);
  add(f, run);
  run.created_at = at(4000);
  const core::RunId late = add(f, run);
  CHECK(find_run(f.db, late)->created_at == at(5000));
}

TEST_CASE("run list: a new attempt leaves the count of its old outcome") {
  test::Fixture f;
  const core::RunId id = f.add_run();
  f.finish_run(id, Conclusion::failure);
  RunFilter failed{.repo = f.repo};
  failed.status = "failure";
  CHECK(list_runs(f.db, failed).total_count == 1);
  start_attempt(f.db, id, "mona", {}, at(4000));
  CHECK(list_runs(f.db, failed).total_count == 0);
  f.db.execute("DELETE FROM runs");
  CHECK(list_runs(f.db, RunFilter{.repo = f.repo}).total_count == 0);
}

namespace {

void fill_history(test::Fixture& f, int runs) {
  Transaction transaction(f.db);
  for (int i = 0; i < runs; ++i) {
    Run run = f.run();
    run.event = i % 10 == 0 ? "pull_request" : "push";
    run.head_branch = i % 10 == 0 ? "pr-" + std::to_string(i) : "main";
    run.head_sha = std::to_string(i);
    run.created_at = at(1000 + i);
    run.status = Status::completed;
    run.conclusion = i == 7 ? Conclusion::timed_out : Conclusion::success;
    const core::RunId id = insert_run(f.db, run, {.workflow_source = "on: push"});
    Job job{.run = id, .key = "build", .name = "build"};
    job.status = Status::completed;
    job.conclusion = Conclusion::success;
    const core::JobId job_id = insert_job(f.db, job);
    want(f.db, OutboxKind::check_run, job_id, "{}", at(1));
    mark_sent(f.db, i + 1, 1);
    Delivery delivery{.guid = std::to_string(i), .repo = f.repo, .event = "push"};
    finish_delivery(f.db, insert_delivery(f.db, delivery).id, {}, at(1));
  }
  transaction.commit();
}

template <class Work>
double millis(Work work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

}  // namespace

TEST_CASE("run list: a history of 100,000 runs is not scanned") {
  test::Fixture f;
  MESSAGE("filling: " << millis([&] { fill_history(f, 100'000); }) << " ms");
  f.add_run();
  std::size_t unfinished = 0;
  const double start = millis([&] {
    Database db = f.open();
    unfinished = unfinished_runs(db).size() + unfinished_jobs(db).size() +
                 due_entries(db, at(9)).size() + unprocessed_deliveries(db).size();
  });
  CHECK(unfinished == 1);
  MESSAGE("open and find what must go on: " << start << " ms");
  CHECK(start < 100);

  const auto timed = [&](const std::string& name, const RunFilter& filter, Page page = {}) {
    std::int64_t count = 0;
    const double first = millis([&] { count = list_runs(f.db, filter, page).total_count; });
    const double again = millis([&] { list_runs(f.db, filter, page); });
    MESSAGE(name << ": " << first << " ms, again " << again << " ms, of " << count);
    CHECK(again < 100);
  };
  RunFilter filter{.repo = f.repo};
  timed("all", filter);
  timed("all, page 3000", filter, {.number = 3000, .size = 30});
  filter.workflow = f.workflow;
  timed("workflow", filter);
  filter.workflow.reset();
  filter.status = "timed_out";
  timed("rare outcome", filter);
  filter.branch = "main";
  timed("rare outcome of a branch", filter);
  filter.status = "completed";
  timed("completed of a branch", filter);
  filter.status.reset();
  filter.event = "push";
  timed("event of a branch", filter);
  filter.event.reset();
  filter.branch = "pr-50";
  timed("small branch", filter);
  filter.branch.reset();
  filter.actor = "mona";
  timed("actor of all", filter);
  filter.actor.reset();
  filter.head_sha = "50";
  timed("sha", filter);
  filter.head_sha.reset();
  filter.created_from = at(40'000);
  filter.created_to = at(60'000);
  timed("created", filter);
}
