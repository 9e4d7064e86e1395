// SPDX-License-Identifier: MIT
#include "storage/jobs.hpp"

#include "core/base/error.hpp"
#include "fixture.hpp"

#include <doctest/doctest.h>

using namespace gantry;
using namespace gantry::storage;
using core::run::Conclusion;
using core::run::Status;
using core::run::StepStatus;
using test::at;

TEST_CASE("jobs: a job comes back as it was stored") {
  test::Fixture f;
  const core::RunId run = f.add_run();
  Job job{.run = run, .key = "test", .leg = 3, .name = "test (3)", .plan = "{\"v\":3}"};
  job.labels = "[\"linux\"]";
  const core::JobId id = insert_job(f.db, job);
  set_runner(f.db, id, 4242, "local-1");
  set_token_hash(f.db, id, "abc");
  set_log_size(f.db, id, 10, 1000);
  const Job found = *find_job(f.db, id);
  CHECK(found.leg == 3);
  CHECK(found.plan == "{\"v\":3}");
  CHECK(found.labels == "[\"linux\"]");
  CHECK(found.runner_pid == 4242);
  CHECK(found.runner_name == "local-1");
  CHECK(found.token_hash == "abc");
  CHECK(found.log_lines == 10);
  CHECK(found.log_owner() == id);
  CHECK_THROWS_AS(insert_job(f.db, job), core::Exception);  // the same leg twice
  CHECK_THROWS_WITH_AS(set_log_size(f.db, core::JobId{99}, 1, 1),
                       "noting the log size of job '99': there is no such job", core::Exception);
}

TEST_CASE("jobs: a completed job does not change") {
  test::Fixture f;
  const core::JobId id = f.add_job(f.add_run());
  CHECK(change_job(f.db, id, {.status = Status::in_progress}, at(2000)) == Change::applied);
  const JobChange done{
      .status = Status::completed, .conclusion = Conclusion::success, .outputs = "{\"x\":\"1\"}"};
  CHECK(change_job(f.db, id, done, at(3000)) == Change::applied);
  const JobChange late{.status = Status::completed, .conclusion = Conclusion::cancelled};
  CHECK(change_job(f.db, id, late, at(4000)) == Change::refused);
  CHECK(request_job_cancel(f.db, id, at(4000)) == Change::refused);
  const Job job = *find_job(f.db, id);
  CHECK(job.conclusion == Conclusion::success);
  CHECK(job.outputs == "{\"x\":\"1\"}");
  CHECK(job.started_at == at(2000));
  CHECK(job.completed_at == at(3000));
}

TEST_CASE("jobs: an event is taken once, and none that lies before it") {
  test::Fixture f;
  const core::JobId id = f.add_job(f.add_run());
  CHECK(take_event(f.db, id, 1) == Change::applied);
  CHECK(take_event(f.db, id, 2) == Change::applied);
  CHECK(take_event(f.db, id, 2) == Change::refused);
  CHECK(take_event(f.db, id, 1) == Change::refused);
  CHECK(find_job(f.db, id)->last_event == 2);
  CHECK_THROWS_AS((void)take_event(f.db, core::JobId{99}, 1), core::Exception);
}

TEST_CASE("jobs: lists of the newest attempt and of all") {
  test::Fixture f;
  const core::RunId run = f.add_run();
  const core::JobId a = f.add_job(run, "a"), b = f.add_job(run, "b");
  f.finish_job(a, Conclusion::success);
  f.finish_job(b, Conclusion::failure);
  f.finish_run(run, Conclusion::failure);
  start_attempt(f.db, run, "mona", {a}, at(4000));
  f.add_job(run, "b", 0, 2);
  CHECK(list_jobs(f.db, run, Attempts::newest).total_count == 2);
  const JobList all = list_jobs(f.db, run, Attempts::all, {.number = 2, .size = 2});
  CHECK(all.total_count == 3);
  REQUIRE(all.jobs.size() == 1);
  CHECK(all.jobs[0].attempt == 2);
  CHECK(unfinished_jobs(f.db).size() == 1);
}

TEST_CASE("jobs: a completed step stays, one that goes on is replaced") {
  test::Fixture f;
  const core::JobId id = f.add_job(f.add_run());
  put_step(f.db, id, Step{.number = 2, .name = "test", .status = StepStatus::in_progress});
  put_step(f.db, id, Step{.number = 1, .name = "make", .status = StepStatus::in_progress});
  Step done{.number = 1, .name = "make", .status = StepStatus::completed};
  done.conclusion = Conclusion::success;
  done.outcome = Conclusion::failure;
  done.log_first = 0;
  done.log_end = 7;
  put_step(f.db, id, done);
  put_step(f.db, id, Step{.number = 1, .name = "late"});
  const auto steps = steps_of_job(f.db, id);
  REQUIRE(steps.size() == 2);
  CHECK(steps[0].name == "make");
  CHECK(steps[0].outcome == Conclusion::failure);
  CHECK(steps[0].log_end == 7);
  CHECK(steps[1].number == 2);
}

TEST_CASE("jobs: steps whose end was never reported end with their job") {
  test::Fixture f;
  const core::JobId id = f.add_job(f.add_run());
  Step good{.number = 1, .name = "make", .status = StepStatus::completed};
  good.conclusion = Conclusion::success;
  put_step(f.db, id, good);
  put_step(f.db, id, Step{.number = 2, .name = "test", .status = StepStatus::in_progress});
  put_step(f.db, id, Step{.number = 3, .name = "deploy"});
  const JobChange lost{.status = Status::completed, .conclusion = Conclusion::cancelled};
  CHECK(change_job(f.db, id, lost, at(3000)) == Change::applied);
  const auto steps = steps_of_job(f.db, id);
  REQUIRE(steps.size() == 3);
  CHECK(steps[0].conclusion == Conclusion::success);
  CHECK(steps[1].conclusion == Conclusion::cancelled);
  CHECK(steps[1].completed_at == at(3000));
  CHECK(steps[2].conclusion == Conclusion::skipped);
}

TEST_CASE("jobs: annotations keep their order and are read on from any number") {
  test::Fixture f;
  const core::JobId id = f.add_job(f.add_run());
  for (int i = 1; i <= 5; ++i) {
    Annotation annotation{.path = "a.cpp", .start_line = i, .end_line = i, .message = "m"};
    annotation.step = 2;
    add_annotation(f.db, id, annotation);
  }
  CHECK(count_annotations(f.db, id) == 5);
  const auto rest = annotations_of_job(f.db, id, 3, 50);
  REQUIRE(rest.size() == 2);
  CHECK(rest[0].start_line == 4);
  CHECK(rest[0].step == 2);
  CHECK(rest[0].level == AnnotationLevel::failure);
}

TEST_CASE("jobs: a step has one summary, the last given") {
  test::Fixture f;
  const core::JobId id = f.add_job(f.add_run());
  put_step_summary(f.db, id, {.step = 1, .text = "one"});
  put_step_summary(f.db, id, {.step = 1, .text = "two"});
  const auto summaries = summaries_of_job(f.db, id);
  REQUIRE(summaries.size() == 1);
  CHECK(summaries[0].text == "two");
}
