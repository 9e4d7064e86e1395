// SPDX-License-Identifier: MIT
#include "storage/runs.hpp"

#include "core/base/error.hpp"
#include "fixture.hpp"

#include <doctest/doctest.h>

using namespace gantry;
using namespace gantry::storage;
using core::run::Conclusion;
using core::run::Status;
using test::at;

TEST_CASE("runs: each workflow counts its runs from one") {
  test::Fixture f;
  const core::RunId first = f.add_run(), second = f.add_run();
  CHECK(find_run(f.db, first)->run_number == 1);
  CHECK(find_run(f.db, second)->run_number == 2);
  CHECK(find_workflow(f.db, f.workflow)->next_run_number == 3);
  CHECK_FALSE(find_run(f.db, core::RunId{99}));
}

TEST_CASE("runs: a run that cannot be stored takes no number") {
  test::Fixture f;
  Run broken = f.run();
  broken.repo = core::RepoId{99};
  CHECK_THROWS_AS(insert_run(f.db, broken, {}), core::Exception);
  CHECK(find_workflow(f.db, f.workflow)->next_run_number == 1);
}

TEST_CASE("runs: all that made a run comes back") {
  test::Fixture f;
  Delivery delivery{.guid = "g", .repo = f.repo, .event = "push"};
  delivery.payload = "{}";
  Run run = f.run();
  run.delivery = insert_delivery(f.db, delivery).id;
  run.pull_request = 7;
  const core::RunId by_push =
      insert_run(f.db, run, {.workflow_source = "on: push", .contexts = "{\"a\":1}"});
  run.delivery.reset();
  const core::RunId by_hand =
      insert_run(f.db, run, {.workflow_source = "x", .event_payload = "{\"inputs\":{}}"});
  CHECK(run_input(f.db, by_push).workflow_source == "on: push");
  CHECK(run_input(f.db, by_push).contexts == "{\"a\":1}");
  CHECK(run_input(f.db, by_push).event_payload == "{}");
  CHECK(run_input(f.db, by_hand).event_payload == "{\"inputs\":{}}");
  CHECK(runs_of_delivery(f.db, *find_run(f.db, by_push)->delivery).size() == 1);
  CHECK(find_run(f.db, by_push)->pull_request == 7);
  CHECK_THROWS_WITH_AS(run_input(f.db, core::RunId{99}),
                       "reading what made run '99': there is no such run", core::Exception);
}

TEST_CASE("runs: a completed run does not change, its times stand in run and attempt") {
  test::Fixture f;
  const core::RunId id = f.add_run();
  CHECK(change_run(f.db, id, {.status = Status::in_progress}, at(2000)) == Change::applied);
  CHECK(change_run(f.db, id, {.status = Status::queued}, at(2100)) == Change::refused);
  f.finish_run(id, Conclusion::failure);
  CHECK(change_run(f.db, id, {.status = Status::completed, .conclusion = Conclusion::success},
                   at(4000)) == Change::refused);
  const Run run = *find_run(f.db, id);
  CHECK(run.conclusion == Conclusion::failure);
  CHECK(run.started_at == at(2000));
  CHECK(run.completed_at == at(3000));
  const auto attempts = attempts_of_run(f.db, id);
  REQUIRE(attempts.size() == 1);
  CHECK(attempts[0].started_at == at(2000));
  CHECK(attempts[0].conclusion == Conclusion::failure);
}

TEST_CASE("runs: a conclusion without completion, or the reverse, is refused") {
  test::Fixture f;
  const core::RunId id = f.add_run();
  const RunChange half{.status = Status::completed};
  CHECK_THROWS_AS((void)change_run(f.db, id, half, at(2)), core::Exception);
  const RunChange other{.status = Status::in_progress, .conclusion = Conclusion::success};
  CHECK_THROWS_AS((void)change_run(f.db, id, other, at(2)), core::Exception);
  CHECK(find_run(f.db, id)->status == Status::queued);
}

TEST_CASE("runs: what is not finished is found after a restart") {
  test::Fixture f;
  const core::RunId done = f.add_run(), open = f.add_run();
  f.finish_run(done, Conclusion::success);
  Database again = f.open();
  const auto unfinished = unfinished_runs(again);
  REQUIRE(unfinished.size() == 1);
  CHECK(unfinished[0].id == open);
}

TEST_CASE("runs: cancel is asked once, and not of a completed run") {
  test::Fixture f;
  const core::RunId id = f.add_run();
  CHECK(request_run_cancel(f.db, id, at(5)) == Change::applied);
  CHECK(request_run_cancel(f.db, id, at(6)) == Change::applied);
  CHECK(find_run(f.db, id)->cancel_requested_at == at(5));
  f.finish_run(id, Conclusion::cancelled);
  CHECK(request_run_cancel(f.db, id, at(7)) == Change::refused);
}

TEST_CASE("runs: a new attempt keeps the jobs it is told to, with their log, and starts queued") {
  test::Fixture f;
  const core::RunId id = f.add_run();
  const core::JobId good = f.add_job(id, "good"), bad = f.add_job(id, "bad");
  put_step(f.db, good, Step{.number = 1, .name = "make"});
  f.finish_job(good, Conclusion::success);
  f.finish_job(bad, Conclusion::failure);
  f.finish_run(id, Conclusion::failure);

  CHECK(start_attempt(f.db, id, "hubot", {good}, at(5000)) == 2);
  const Run run = *find_run(f.db, id);
  CHECK(run.attempt == 2);
  CHECK(run.status == Status::queued);
  CHECK_FALSE(run.completed_at);
  CHECK(run.actor == "mona");
  CHECK(run.triggering_actor == "hubot");
  const auto jobs = jobs_of_run(f.db, id);
  REQUIRE(jobs.size() == 1);
  CHECK(jobs[0].key == "good");
  CHECK(jobs[0].log_owner() == good);
  CHECK(jobs[0].conclusion == Conclusion::success);
  CHECK(steps_of_job(f.db, jobs[0].id).size() == 1);
  CHECK(attempts_of_run(f.db, id)[0].conclusion == Conclusion::failure);

  f.finish_run(id, Conclusion::failure);
  start_attempt(f.db, id, "hubot", {jobs[0].id}, at(6000));
  CHECK(jobs_of_run(f.db, id)[0].log_owner() == good);
  CHECK(jobs_of_run(f.db, id, 1).size() == 2);
}

TEST_CASE("runs: no new attempt of a run that goes on, none with a foreign job") {
  test::Fixture f;
  const core::RunId id = f.add_run();
  CHECK_THROWS_WITH_AS(start_attempt(f.db, id, "mona", {}, at(1)),
                       "re-running run '1': it is queued; cancel it first", core::Exception);
  f.finish_run(id, Conclusion::failure);
  const core::RunId other = f.add_run();
  const core::JobId foreign = f.add_job(other);
  f.finish_job(foreign, Conclusion::success);
  CHECK_THROWS_WITH_AS(start_attempt(f.db, id, "mona", {foreign}, at(1)),
                       doctest::Contains("job 1 is no completed job of the attempt before"),
                       core::Exception);
  CHECK(find_run(f.db, id)->attempt == 1);
}
