// SPDX-License-Identifier: MIT
#include "daemon/control/run_rows.hpp"

#include "daemon/control/new_run.hpp"

#include <doctest/doctest.h>

using namespace gantry;
using namespace gantry::daemon::control;
using core::expr::Object;
using core::expr::Value;
using core::run::Conclusion;

namespace {

core::Timestamp at(int seconds) {
  return core::Timestamp(std::chrono::seconds(seconds));
}

storage::Run a_run() {
  storage::Run run;
  run.id = core::RunId{7};
  run.run_number = 3;
  run.attempt = 2;
  run.triggering_actor = "octo";
  return run;
}

}  // namespace

TEST_CASE("rows: a leg's plan survives storing") {
  core::run::CreateLeg leg;
  leg.key = {"build", 1};
  leg.name = "build (1)";
  Object matrix;
  matrix.set("os", "linux");
  leg.matrix = Value(std::move(matrix));
  leg.labels = {"linux", "x64"};
  leg.leg_total = 4;
  leg.max_parallel = 2;
  leg.fail_fast = false;
  leg.continue_on_error = true;
  leg.timeout = std::chrono::minutes(5);
  leg.concurrency = core::run::Concurrency{"g", true, core::run::Queue::max};
  const storage::Job row = row_of(leg, a_run(), at(1));
  CHECK(row.attempt == 2);
  CHECK(row.status == core::run::JobStatus::pending);
  CHECK(decode_strings(row.labels) == leg.labels);
  const LegPlan plan = decode_leg_plan(row.plan);
  CHECK(plan.matrix["os"].to_string() == "linux");
  CHECK(plan.leg_total == 4);
  CHECK(plan.max_parallel == 2);
  CHECK_FALSE(plan.fail_fast);
  CHECK(plan.continue_on_error);
  CHECK(plan.timeout == std::chrono::minutes(5));
  REQUIRE(plan.concurrency);
  CHECK(plan.concurrency->group == "g");
  CHECK(plan.concurrency->cancel_in_progress);
  CHECK(plan.concurrency->queue == core::run::Queue::max);
}

TEST_CASE("rows: an empty plan means the defaults") {
  const LegPlan plan = decode_leg_plan("{}");
  CHECK(plan.fail_fast);
  CHECK(plan.leg_total == 1);
  CHECK_FALSE(plan.timeout);
  CHECK_FALSE(plan.concurrency);
}

TEST_CASE("rows: contexts are stored without the event and get it back with the run's facts") {
  Object github;
  github.set("event", Value(Object()));
  github.set("sha", "abc");
  github.set("run_id", "0");
  core::run::RunContexts contexts;
  contexts.github = Value(std::move(github));
  storage::RunInput input;
  input.contexts = encode_contexts(contexts, "def");
  CHECK(input.contexts.find("event") == std::string::npos);
  input.event_payload = R"({"ref": "refs/heads/main"})";
  const StoredContexts read = decode_contexts(input, a_run());
  CHECK(read.workflow_sha == "def");
  CHECK(read.contexts.github["sha"].to_string() == "abc");
  CHECK(read.contexts.github["run_id"].to_string() == "7");
  CHECK(read.contexts.github["run_number"].to_string() == "3");
  CHECK(read.contexts.github["run_attempt"].to_string() == "2");
  CHECK(read.contexts.github["triggering_actor"].to_string() == "octo");
  CHECK(read.contexts.github["event"]["ref"].to_string() == "refs/heads/main");
}

TEST_CASE("rows: the machine gets completed jobs in the order they completed, then the others") {
  std::vector<storage::Job> rows(3);
  rows[0].key = "waiting";
  rows[1].key = "late";
  rows[1].completed_at = at(9);
  rows[1].conclusion = Conclusion::failure;
  rows[2].key = "early";
  rows[2].completed_at = at(5);
  rows[2].conclusion = Conclusion::success;
  rows[2].outputs = R"({"a": "1"})";
  const auto jobs = recorded(rows);
  CHECK(jobs[0].key.job_id == "early");
  CHECK(jobs[0].outputs == core::run::Outputs{{"a", "1"}});
  CHECK(jobs[1].key.job_id == "late");
  CHECK(jobs[2].key.job_id == "waiting");
  CHECK_FALSE(jobs[2].conclusion);
}

TEST_CASE("rows: a diagnostic becomes an annotation at its line, with the hint") {
  core::yaml::Diagnostic diagnostic;
  diagnostic.position = {11, 5};
  diagnostic.message = "Unexpected value 'step'";
  diagnostic.hint = "did you mean 'steps'?";
  const auto annotation = annotation_of(diagnostic, ".github/workflows/ci.yml");
  CHECK(annotation.path == ".github/workflows/ci.yml");
  CHECK(annotation.start_line == 11);
  CHECK(annotation.message == "Unexpected value 'step'; did you mean 'steps'?");
  CHECK(annotation.level == storage::AnnotationLevel::failure);
}

TEST_CASE("rows: a skipped job says which condition was not true and why") {
  core::run::SkipJob skip;
  skip.key = {"deploy", 0};
  skip.name = "deploy";
  skip.condition = "success()";
  skip.because = {"'build' concluded failure"};
  const storage::Job row = row_of(skip, a_run(), at(1));
  CHECK(row.conclusion == Conclusion::skipped);
  CHECK(row.details == "skipped: success() was not true: 'build' concluded failure");
}

TEST_CASE("new run: a pull request from a fork is not trusted, one from the repository is") {
  core::workflow::Event event;
  CHECK(trust_of(event) == storage::Trust::trusted);
  event.pull_request.emplace();
  CHECK(trust_of(event) == storage::Trust::trusted);
  event.pull_request->from_fork = true;
  CHECK(trust_of(event) == storage::Trust::untrusted);
}
