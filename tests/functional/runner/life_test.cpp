// SPDX-License-Identifier: MIT
// Cancelling, time-outs, limits, and gantryd or the runner going away.
#include "tests/functional/runner/fixture.hpp"

#include <doctest/doctest.h>

#include <csignal>

using namespace gantry;
using proto::Conclusion;
using tests::comes_true;
using tests::RunnerJob;

namespace {

// A process of this machine with `word` among its arguments.
bool runs_anywhere(const std::string& word) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    try {
      const auto line = core::read_file_if_exists(entry.path() / "cmdline");
      if (line && line->find(word) != std::string::npos) return true;
    } catch (const std::exception&) {
      continue;  // it ended while we looked
    }
  }
  return false;
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

TEST_CASE("runner: a cancelled job ends its step and still runs what is always to run") {
  RunnerJob job(R"js(
    {"run": "echo begun; sleep 1000"},
    {"run": "echo no"},
    {"run": "echo cleanup", "if": "always()"},
    {"run": "echo told", "if": "cancelled()"})js");
  job.start();
  REQUIRE(job.wait_for_log("begun\n"));
  const auto start = std::chrono::steady_clock::now();
  job.gantryd().cancel();
  CHECK(job.finish() == 0);
  CHECK(seconds_since(start) < 5);
  CHECK(job.completed().conclusion == Conclusion::cancelled);
  CHECK(job.step(2).conclusion == Conclusion::cancelled);
  CHECK(job.step(3).conclusion == Conclusion::skipped);
  CHECK(job.step(4).conclusion == Conclusion::success);
  CHECK(job.step(5).conclusion == Conclusion::success);
  CHECK(job.logged("The operation was canceled."));
}

TEST_CASE("runner: a step that is always to run is not ended by a cancel") {
  RunnerJob job(
      R"js({"run": "echo begun; while [ ! -e /tmp/go ]; do sleep 0.01; done; echo done", "if": "always()"})js");
  job.start();
  REQUIRE(job.wait_for_log("begun\n"));
  job.gantryd().cancel();
  REQUIRE(job.wait_for_log("The operation was canceled."));
  core::write_file_atomic(job.folder() / "tmp/go", "");
  CHECK(job.finish() == 0);
  CHECK(job.step(2).conclusion == Conclusion::success);
  CHECK(job.completed().conclusion == Conclusion::cancelled);
}

TEST_CASE("runner: a cancelled job that does not end is killed when patience is over") {
  RunnerJob job(
      R"js({"run": "trap '' INT TERM; echo begun; while :; do sleep 1; done", "if": "always()"})js");
  job.message.cancel_timeout = std::chrono::minutes(0);
  job.start();
  REQUIRE(job.wait_for_log("begun\n"));
  job.gantryd().cancel();
  CHECK(job.finish() == 0);
  CHECK(job.completed().conclusion == Conclusion::cancelled);
  CHECK(job.logged("its processes are killed"));
}

TEST_CASE("runner: a step past its time is ended, however it resists") {
  RunnerJob job(
      R"js({"name": "slow", "timeout-minutes": 0.005, "run": "trap '' INT TERM; echo begun; while :; do sleep 1; done"})js");
  const auto start = std::chrono::steady_clock::now();
  CHECK(job.finish() == 0);
  CHECK(seconds_since(start) > 10);  // 7.5 s after SIGINT, 2.5 s after SIGTERM
  CHECK(job.completed().conclusion == Conclusion::failure);
  CHECK(job.annotations().at(0).message == "The action 'slow' has timed out after 0.005 minutes.");
}

TEST_CASE("runner: a job past its time is cancelled with an annotation") {
  RunnerJob job(R"js({"run": "sleep 1000"}, {"run": "echo cleanup", "if": "always()"})js");
  job.message.timeout = std::chrono::milliseconds(300);
  job.message.runner_name = "box";
  CHECK(job.finish() == 0);
  CHECK(job.completed().conclusion == Conclusion::cancelled);
  CHECK(job.logged("cleanup\n"));
  CHECK(job.annotations().at(0).message ==
        "The job running on runner box has exceeded the maximum execution time of 0.005 minutes.");
}

TEST_CASE("runner: a job that floods its log is ended at the limit") {
  RunnerJob job(R"js({"run": "yes"}, {"run": "echo after", "if": "always()"})js");
  job.message.sandbox.output_bytes = 8 << 20;
  CHECK(job.finish() == 0);
  CHECK(job.completed().conclusion == Conclusion::failure);
  CHECK(job.step(2).conclusion == Conclusion::failure);
  CHECK(job.annotations().at(0).message.find("limit of 8 MiB") != std::string::npos);
  CHECK(std::filesystem::file_size(job.message.paths.log) < 200U << 20);
}

TEST_CASE("runner: gantryd may go and come back, no event is lost or taken twice") {
  RunnerJob job(R"js(
    {"run": "echo begun; while [ ! -e /tmp/go ]; do sleep 0.01; done"},
    {"run": "for i in $(seq 10); do echo \"::warning::w$i\"; done"},
    {"run": "echo last"})js");
  job.start();
  REQUIRE(job.wait_for_log("begun\n"));
  job.gantryd().forget_acknowledgements(true);
  job.gantryd().stop();
  core::write_file_atomic(job.folder() / "tmp/go", "");
  REQUIRE(job.wait_for_log("Cleaning up orphan processes"));  // it went on alone
  CHECK_FALSE(job.child().try_wait().has_value());
  job.gantryd().start();
  REQUIRE(job.gantryd().wait_for([](const auto& events) {
    return !events.empty() && std::holds_alternative<proto::JobCompleted>(events.back().body);
  }));
  // Taken but, as far as the runner knows, not: it repeats them until it is told.
  REQUIRE(comes_true([&] { return job.gantryd().repeated() > 0; }));
  job.gantryd().forget_acknowledgements(false);
  CHECK(job.finish() == 0);
  CHECK(job.annotations().size() == 10);
  CHECK(job.completed().conclusion == Conclusion::success);
  CHECK(job.step(4).conclusion == Conclusion::success);
}

TEST_CASE("runner: killed, it leaves no process behind") {
  RunnerJob job(R"js({"run": "setsid sleep 98765 & echo begun; sleep 98766"})js");
  job.start();
  REQUIRE(job.wait_for_log("begun\n"));
  REQUIRE(comes_true([] { return runs_anywhere("98765") && runs_anywhere("98766"); }));
  job.child().kill(SIGKILL);
  CHECK(job.finish() == 137);
  CHECK(comes_true([] { return !runs_anywhere("98765") && !runs_anywhere("98766"); }));
}

TEST_CASE("runner: a job it cannot prepare is reported as a failure with the reason") {
  RunnerJob job(R"js({"run": "true"})js");
  job.message.job_key = "other";
  CHECK(job.finish() == 0);
  CHECK(job.completed().conclusion == Conclusion::failure);
  CHECK(job.completed().reason ==
        "reading workflow '.github/workflows/ci.yml': it has no job 'other'");
  CHECK(job.step(1).conclusion == Conclusion::failure);
}

TEST_CASE("runner: a folder whose job was run before is refused") {
  RunnerJob job(R"js({"run": "true"})js");
  core::write_file_atomic(job.folder() / "events.ndjson", "");
  CHECK(job.finish() == 1);
  CHECK(job.gantryd().events().empty());
}

TEST_CASE("runner: a sandbox made ahead is the job's") {
  RunnerJob job(R"js({"run": "echo from $HOME; cat /etc/hostname; touch ~/made /tmp/made"})js");
  job.message.sandbox.pids = 200;
  job.make_ahead();
  job.message_on_stdin = true;
  CHECK(job.finish() == 0);
  CHECK(job.completed().conclusion == Conclusion::success);
  CHECK(job.logged("from /home/runner\ngantry\n"));
  CHECK(job.logged("processes 200"));
  CHECK(std::filesystem::exists(job.folder() / "home/made"));
  CHECK(std::filesystem::exists(job.folder() / "tmp/made"));
}

TEST_CASE("runner: a sandbox made ahead that is not what the job wants is not used") {
  RunnerJob job(R"js({"run": "ulimit -u"})js");
  job.make_ahead();
  job.ahead->sandbox.pids = 400;
  job.message.sandbox.pids = 200;
  CHECK(job.finish() == 0);
  CHECK(job.completed().conclusion == Conclusion::success);
  CHECK(job.logged("\n200\n"));
}

TEST_CASE("runner: where no sandbox can be made ahead, the job says why it has none") {
  RunnerJob job(R"js({"run": "echo never"})js");
  job.message.paths.agent_binary = "/nowhere/gantry-agent";
  job.make_ahead();
  CHECK(job.finish() == 0);
  CHECK(job.completed().conclusion == Conclusion::failure);
  CHECK(job.logged("/nowhere/gantry-agent"));
}

TEST_CASE("runner: files of /etc made once for all sandboxes are what each would have of its own") {
  const std::string step =
      R"js({"run": "cd /etc; for f in $(find . -maxdepth 2 | sort); do echo $f; done; cat passwd group hosts nsswitch.conf; touch x || echo closed"})js";
  RunnerJob own(step);
  CHECK(own.finish() == 0);
  const core::TempDir roots;
  RunnerJob shared(step);
  shared.message.paths.roots = roots.path();
  shared.make_ahead();
  CHECK(shared.finish() == 0);
  CHECK(shared.completed().conclusion == Conclusion::success);
  CHECK(shared.logged("closed"));
  CHECK(shared.log_of_step(2) == own.log_of_step(2));
  CHECK_FALSE(std::filesystem::is_empty(roots.path()));
}
