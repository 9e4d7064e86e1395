// SPDX-License-Identifier: MIT
// Limits by control groups; started by root the tests have groups of their own, see main.cpp.
#include "daemon/os/cgroup.hpp"
#include "daemon/runner/job_sandbox.hpp"
#include "tests/sandbox/fixture.hpp"

#include <doctest/doctest.h>

namespace gantry::tests {

namespace {

// True after having said why.
bool skip_without(const daemon::os::CgroupTree& tree, std::string_view controller) {
  if (skip_without_sandbox()) return true;
  if (tree.has(controller)) return false;
  MESSAGE("skipped, no " << std::string(controller) << " limit: " << tree.reason());
  return true;
}

daemon::os::CgroupTree delegated_tree() {
  daemon::os::CgroupTree tree = daemon::os::CgroupTree::discover();
  tree.prepare_delegation();
  MESSAGE("control groups " << std::string(to_string(tree.version())));
  return tree;
}

}  // namespace

TEST_CASE("limits: a fork bomb stops at the process limit and is gone with the sandbox") {
  const auto tree = delegated_tree();
  if (skip_without(tree, "pids")) return;
  SandboxFixture fixture;
  fixture.options.limits.pids = 64;
  fixture.config.cgroups = &tree;
  fixture.start();
  const auto step =
      fixture.begin({"bash", "-c", "echo ready; bomb() { bomb | bomb & }; bomb; wait; sleep 300"});
  // bash says so on standard error, which is the same pipe here.
  fixture.wait_for_output("fork: ");
  CHECK(fixture.sandbox().usage().forks_refused >= 1);
  fixture.sandbox().kill_all();
  CHECK(fixture.finish(step).status.has_value());
  fixture.wait_until_alone();
}

TEST_CASE("limits: processes are limited where there is no control group, each job for itself") {
  if (skip_without_sandbox()) return;
  SandboxFixture busy;
  busy.options.limits.pids = 64;
  busy.start();
  const auto step =
      busy.begin({"bash", "-c", "for i in {1..80}; do sleep 300 & done; echo all; wait"});
  busy.wait_for_output("fork: ");
  SandboxFixture other;
  other.options.limits.pids = 64;
  other.start();
  CHECK(other.shell("for i in {1..40}; do sleep 300 & done; echo all").output == "all\n");
  busy.sandbox().kill_all();
  CHECK(busy.finish(step).status.has_value());
}

TEST_CASE("limits: a step that takes too much memory is killed, the next one runs") {
  const auto tree = delegated_tree();
  if (skip_without(tree, "memory")) return;
  SandboxFixture fixture;
  fixture.options.limits.memory_bytes = 128 << 20;
  fixture.config.cgroups = &tree;
  fixture.start();
  const Outcome hog = fixture.run({"/usr/bin/python3", "-c", "x = bytearray(1 << 30)"});
  CHECK(hog.status == daemon::os::ExitStatus{daemon::os::ExitStatus::Kind::signaled, 9});
  const runner::SandboxUsage usage = fixture.sandbox().usage();
  CHECK(usage.oom_kills >= 1);
  CHECK(usage.memory_peak_bytes.value_or(0) <= (128 << 20));
  CHECK(fixture.shell("echo next").output == "next\n");
}

TEST_CASE("limits: processor time is limited and counted") {
  const auto tree = delegated_tree();
  if (skip_without(tree, "cpu")) return;
  SandboxFixture fixture;
  fixture.options.limits.cpu_percent = 20;
  fixture.config.cgroups = &tree;
  fixture.start();
  const auto begin = std::chrono::steady_clock::now();
  fixture.run({"/usr/bin/python3", "-c", "import time\nwhile time.process_time() < 0.3: pass"});
  // 300 ms of work at a fifth of a processor take 1.5 s.
  CHECK(std::chrono::steady_clock::now() - begin > std::chrono::milliseconds(900));
  CHECK(fixture.sandbox().usage().cpu >= std::chrono::milliseconds(290));
}

TEST_CASE("limits: a group is removed with its sandbox and a left one of the name is reused") {
  const auto tree = delegated_tree();
  if (skip_without(tree, "pids")) return;
  const daemon::os::Cgroup left = tree.create("left", {.pids = 10});
  daemon::os::Cgroup again = tree.create("left", {.pids = 20});
  CHECK(again.is_empty());
  CHECK(again.destroy());
  CHECK_THROWS_WITH(tree.create("../x", {}), "creating control group '../x': not a plain name");
}

TEST_CASE("limits: a sandbox made ahead that does not fit makes room for the job's own") {
  const auto tree = delegated_tree();
  if (skip_without(tree, "pids")) return;
  SandboxFixture fixture;
  proto::RunnerPrepare prepare;
  prepare.folder = fixture.home().parent_path();
  prepare.agent_binary = fixture.config.agent;
  prepare.sandbox.pids = 100;
  runner::ReadySandbox ready = runner::make_ready(prepare);
  core::run::SandboxSpec spec = ready.spec;
  spec.limits.pids = 64;
  fixture.use(
      runner::take_sandbox(std::move(ready), spec, prepare.folder, fixture.config.agent, tree));
  CHECK(fixture.shell("echo mine").output == "mine\n");
}

TEST_CASE("limits: what a killed runner left of a group is removed by its name") {
  const auto tree = delegated_tree();
  if (skip_without(tree, "pids")) return;
  const daemon::os::Cgroup left = tree.create("killed-runner", {});
  daemon::os::SpawnOptions options;
  options.argv = {"sleep", "300"};
  daemon::os::Child child = daemon::os::spawn(options);
  left.add(child.pid());
  CHECK_FALSE(left.is_empty());
  tree.remove("killed-runner");
  CHECK(child.wait().kind == daemon::os::ExitStatus::Kind::signaled);
  CHECK_THROWS_AS(left.add(::getpid()), core::Exception);  // it is gone
  tree.remove("killed-runner");
}

TEST_CASE("limits: kill_all of a group ends every member") {
  const auto tree = delegated_tree();
  if (skip_without(tree, "pids")) return;
  daemon::os::Cgroup group = tree.create("killed", {});
  daemon::os::SpawnOptions options;
  options.argv = {"sh", "-c", "read x; sleep 300 & sleep 300"};
  core::Pipe gate = core::make_pipe();
  options.fds = {{gate.read.get(), 0}};
  options.env = daemon::os::current_environment();
  daemon::os::Child child = daemon::os::spawn(options);
  group.add(child.pid());
  core::write_all(gate.write.get(), "\n");
  CHECK_FALSE(group.is_empty());
  group.kill_all();
  CHECK(child.wait() == daemon::os::ExitStatus{daemon::os::ExitStatus::Kind::signaled, 9});
  CHECK(group.destroy());
}

}  // namespace gantry::tests
