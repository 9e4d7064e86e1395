// SPDX-License-Identifier: MIT
#include "fixture.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace gantry;
using namespace gantry::storage;
using test::at;

namespace {

// Stores deliveries with their runs for ever, and says each number once it is committed.
[[noreturn]] void write_until_killed(const core::fs::path& path, core::WorkflowId workflow,
                                     core::RepoId repo, int round, int acknowledge_fd) {
  Database db(path);
  for (std::int32_t i = 0;; ++i) {
    Transaction transaction(db);
    Delivery delivery{.guid = std::to_string(round) + "-" + std::to_string(i), .repo = repo};
    delivery.event = "push";
    Run run{.repo = repo, .workflow = workflow, .event = "push", .head_branch = "main"};
    run.delivery = insert_delivery(db, delivery).id;
    insert_run(db, run, {});
    transaction.commit();
    if (::write(acknowledge_fd, &i, sizeof i) != sizeof i) ::_exit(1);
  }
}

}  // namespace

TEST_CASE("crash: after kill -9 every acknowledged delivery is there with its run") {
  test::Fixture f;
  std::int64_t acknowledged = 0;
  for (int round = 0; round < 10; ++round) {
    core::Pipe pipe = core::make_pipe();
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      write_until_killed(f.dir.path() / "gantry.db", f.workflow, f.repo, round, pipe.write.get());
    }
    pipe.write.reset();
    std::int32_t last = -1;
    for (int i = 0; i < 30 + 17 * round; ++i) {
      REQUIRE(::read(pipe.read.get(), &last, sizeof last) == sizeof last);
    }
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    while (::read(pipe.read.get(), &last, sizeof last) == sizeof last) {
    }
    Database db = f.open();
    for (std::int32_t i = 0; i <= last; ++i) {
      const auto delivery = find_delivery(db, std::to_string(round) + "-" + std::to_string(i));
      REQUIRE(delivery);
      REQUIRE(runs_of_delivery(db, delivery->id).size() == 1);
    }
    acknowledged += last + 1;
    Statement check = db.prepare("PRAGMA integrity_check");
    std::string verdict;
    REQUIRE(check.next());
    check.read(verdict);
    CHECK(verdict == "ok");
  }
  // Counters and run numbers agree with the rows: at most one commit a round was not said.
  const RunList list = list_runs(f.db, RunFilter{.repo = f.repo});
  CHECK(list.total_count >= acknowledged);
  CHECK(list.total_count <= acknowledged + 10);
  CHECK(list.runs.at(0).run_number == list.total_count);
}
