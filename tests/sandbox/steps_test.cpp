// SPDX-License-Identifier: MIT
// Steps, their ends, and the end of the sandbox.
#include "core/base/error.hpp"
#include "tests/sandbox/fixture.hpp"

#include <doctest/doctest.h>
#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace gantry::tests {

namespace {

using daemon::os::ExitStatus;
constexpr auto kSignaled = ExitStatus::Kind::signaled;

std::ptrdiff_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return std::distance(begin(all), end(all));
}

// Processes of the host whose parent is `parent`, from /proc (the kernel's own list).
std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> result;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/" + std::to_string(parent) + "/task")) {
    std::ifstream list(task.path() / "children");
    std::copy(std::istream_iterator<pid_t>(list), {}, std::back_inserter(result));
  }
  return result;
}

bool is_alive(pid_t pid) {
  return ::kill(pid, 0) == 0;
}

}  // namespace

TEST_CASE("sandbox: a step's exit code and signal are told apart") {
  if (skip_without_sandbox()) return;
  SandboxFixture fixture;
  fixture.start();
  CHECK(fixture.shell("exit 0").status == ExitStatus{});
  CHECK(fixture.shell("exit 9").status == ExitStatus{ExitStatus::Kind::exited, 9});
  CHECK(fixture.shell("kill -9 $$").status == ExitStatus{kSignaled, 9});
  CHECK(fixture.shell("kill -SEGV $$").status == ExitStatus{kSignaled, SIGSEGV});
}

TEST_CASE("sandbox: a step that cannot start says why and is no exit") {
  if (skip_without_sandbox()) return;
  SandboxFixture fixture;
  fixture.start();
  const Outcome missing = fixture.run({"no-such-program"});
  CHECK_FALSE(missing.status);
  CHECK(missing.problem ==
        "starting the step: executing 'no-such-program': No such file or directory; install it on "
        "this machine, or add its folder to 'path' of the config");
  CHECK(fixture.run({"/etc/passwd"}).problem ==
        "starting the step: executing '/etc/passwd': Permission denied");
  runner::StepRequest request;
  request.argv = {"true"};
  request.cwd = "/nowhere";
  request.stdout_fd = 2;
  const Outcome folder = fixture.finish(fixture.sandbox().start_step(request));
  CHECK(folder.problem ==
        "starting the step: entering working directory '/nowhere': No such file or directory");
  CHECK(fixture.shell("echo still here").output == "still here\n");
}

TEST_CASE("sandbox: an environment of more than a megabyte reaches the step") {
  if (skip_without_sandbox()) return;
  SandboxFixture fixture;
  fixture.start();
  core::Pipe pipe = core::make_pipe();
  runner::StepRequest request;
  request.argv = {"/bin/sh", "-c", "test ${#V1} = 100000 && test ${#V14} = 100000"};
  for (int i = 1; i <= 14; ++i) {
    request.env.push_back("V" + std::to_string(i) + "=" + std::string(100000, 'x'));
  }
  request.stdout_fd = pipe.write.get();
  CHECK(fixture.finish(fixture.sandbox().start_step(request)).status == ExitStatus{});
  request.env.resize(1);
  request.env[0] = "V=" + std::string(200000, 'x');  // more than Linux takes in one string
  CHECK(fixture.finish(fixture.sandbox().start_step(request)).problem ==
        "starting the step: executing '/bin/sh': Argument list too long; a variable or argument "
        "holds "
        "128 KiB at most, all together 2 MiB: hand big values on in a file");
  request.env[0] = std::string("A=\0B", 4);
  CHECK_THROWS_WITH_AS(fixture.sandbox().start_step(request),
                       "talking to the sandbox: starting '/bin/sh': a NUL byte in an argument, an "
                       "environment variable or the folder; remove it",
                       core::Exception);
}

TEST_CASE("sandbox: background processes, /tmp and loopback carry over to the next step") {
  if (skip_without_sandbox()) return;
  SandboxFixture fixture;
  fixture.start();
  CHECK(fixture.shell("sleep 300 & echo $! > /tmp/pid; echo started").output == "started\n");
  CHECK(fixture.shell("kill -0 $(cat /tmp/pid) && echo alive").output == "alive\n");
  fixture.sandbox().kill_all();
  CHECK(fixture.shell("kill -0 $(cat /tmp/pid) 2>/dev/null || echo gone").output == "gone\n");
}

TEST_CASE("sandbox: several steps run at once and are told apart") {
  if (skip_without_sandbox()) return;
  SandboxFixture fixture;
  fixture.start();
  const auto slow = fixture.begin({"sleep", "300"});
  const auto quick = fixture.begin({"sh", "-c", "exit 4"});
  CHECK(fixture.finish(quick).status == ExitStatus{ExitStatus::Kind::exited, 4});
  fixture.sandbox().signal_step(slow, SIGTERM);
  CHECK(fixture.finish(slow).status == ExitStatus{kSignaled, SIGTERM});
}

TEST_CASE("sandbox: a signal goes to the whole process group of the step") {
  if (skip_without_sandbox()) return;
  SandboxFixture fixture;
  fixture.start();
  const auto step =
      fixture.begin({"bash", "-c", "trap 'wait; exit 3' TERM; sleep 300 & echo ready; wait"});
  fixture.wait_for_output("ready\n");
  // Without the signal the sleep would keep the trap waiting.
  fixture.sandbox().signal_step(step, SIGTERM);
  CHECK(fixture.finish(step).status == ExitStatus{ExitStatus::Kind::exited, 3});
}

TEST_CASE("sandbox: kill_all ends a tree that ignores signals and has left its session") {
  if (skip_without_sandbox()) return;
  SandboxFixture fixture;
  fixture.start();
  const auto step = fixture.begin({"bash", "-c",
                                   "trap '' INT TERM HUP; setsid sleep 300 & setsid bash -c 'trap "
                                   "\"\" TERM; sleep 300' & echo ready; wait"});
  fixture.wait_for_output("ready\n");
  fixture.sandbox().kill_all();
  CHECK(fixture.finish(step).status == ExitStatus{kSignaled, SIGKILL});
  fixture.wait_until_alone();
}

TEST_CASE("sandbox: closing it ends what still runs") {
  if (skip_without_sandbox()) return;
  SandboxFixture fixture;
  fixture.start();
  const auto step = fixture.begin({"bash", "-c", "setsid sleep 300 & echo ready; sleep 300"});
  CHECK(step == 1);
  fixture.wait_for_output("ready\n");
  const std::vector<pid_t> bwrap = children_of(::getpid());
  REQUIRE(bwrap.size() == 1);
  const std::vector<pid_t> agent = children_of(bwrap[0]);
  REQUIRE(agent.size() == 1);
  const std::vector<pid_t> steps = children_of(agent[0]);
  CHECK(steps.size() >= 1);
  fixture.sandbox().close();
  for (const pid_t pid : steps)
    CHECK_FALSE(is_alive(pid));
  CHECK_FALSE(is_alive(agent[0]));
  CHECK(children_of(::getpid()).empty());
}

TEST_CASE("sandbox: kill -9 of the agent ends everything and is told") {
  if (skip_without_sandbox()) return;
  SandboxFixture fixture;
  fixture.start();
  const auto step = fixture.begin({"bash", "-c", "sleep 300 & echo ready; sleep 300"});
  fixture.wait_for_output("ready\n");
  const std::vector<pid_t> bwrap = children_of(::getpid());
  REQUIRE(bwrap.size() == 1);
  const std::vector<pid_t> agent = children_of(bwrap[0]);
  REQUIRE(agent.size() == 1);
  const std::vector<pid_t> steps = children_of(agent[0]);
  REQUIRE(::kill(agent[0], SIGKILL) == 0);
  const Outcome outcome = fixture.finish(step);
  CHECK_FALSE(outcome.status);
  CHECK(outcome.problem == "the sandbox ended by itself: its agent is gone (exit code 137)");
  for (const pid_t pid : steps)
    CHECK_FALSE(is_alive(pid));
  CHECK_THROWS_AS(fixture.sandbox().start_step({.argv = {"true"}}), core::Exception);
}

TEST_CASE("sandbox: 200 steps leak neither descriptors nor processes") {
  if (skip_without_sandbox()) return;
  const auto before = open_descriptors();
  {
    SandboxFixture fixture;
    fixture.start();
    CHECK(fixture.shell("true").status == ExitStatus{});
    const auto running = open_descriptors();
    for (int i = 0; i < 200; ++i) {
      REQUIRE(fixture.run({"/bin/sh", "-c", "true & true"}).status == ExitStatus{});
    }
    CHECK(open_descriptors() == running);
    fixture.wait_until_alone();
    fixture.close();
  }
  CHECK(open_descriptors() == before);
  CHECK(children_of(::getpid()).empty());
}

TEST_CASE("sandbox: what bubblewrap cannot set up is told in its words") {
  if (skip_without_sandbox()) return;
  SandboxFixture fixture;
  fixture.options.read_only = {"/no/such/folder"};
  fixture.start();
  const runner::SandboxEvent event = fixture.wait_for_event();
  const auto* ended = std::get_if<runner::SandboxEnded>(&event);
  REQUIRE(ended != nullptr);
  CHECK(ended->why == runner::SandboxEnded::Why::setup_failed);
  CHECK(ended->message ==
        "starting the sandbox: bwrap: Can't find source path /no/such/folder: No such file or "
        "directory");
}

TEST_CASE("sandbox: missing programs are refused with what to do") {
  SandboxFixture fixture;
  if (::geteuid() == 0) {
    CHECK_THROWS_WITH_AS(fixture.start(),
                         "starting the sandbox: running as root, a job would own every file it can "
                         "see; run Gantry as a user of its own",
                         core::Exception);
    return;
  }
  fixture.config.bwrap = "no-such-bwrap";
  CHECK_THROWS_WITH_AS(
      fixture.start(),
      "starting the sandbox: 'no-such-bwrap' is not installed; apt-get install bubblewrap",
      core::Exception);
  fixture.config.bwrap = "bwrap";
  fixture.config.agent = "/no/agent";
  CHECK_THROWS_WITH_AS(fixture.start(),
                       "starting the sandbox: opening '/no/agent': No such file or directory",
                       core::Exception);
}

}  // namespace gantry::tests
