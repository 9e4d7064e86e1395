// SPDX-License-Identifier: MIT
#include "core/run/scheduler.hpp"

#include <doctest.h>

using namespace gantry::core;
using namespace gantry::core::run;
using std::chrono::hours;
using std::chrono::minutes;

namespace {

const Timestamp kStart{std::chrono::milliseconds(1'000'000)};

Capacity capacity(int jobs) {
  return {.jobs = jobs, .offers = {{.labels = {"ubuntu-latest", "self-hosted", "linux"}}}};
}

JobEntry job(std::int64_t id, std::int64_t run = 1, std::int64_t repo = 1) {
  return {.job = JobId{id},
          .run = RunId{run},
          .repo = RepoId{repo},
          .job_id = "build",
          .name = "build",
          .labels = {"ubuntu-latest"}};
}

JobEntry in_group(JobEntry entry, std::string group, bool cancel = false) {
  entry.concurrency = Concurrency{.group = std::move(group), .cancel_in_progress = cancel};
  return entry;
}

RunEntry a_run(std::int64_t id, std::optional<Concurrency> concurrency = std::nullopt) {
  return {.run = RunId{id}, .repo = RepoId{1}, .concurrency = std::move(concurrency)};
}

// One word per action: "start 1", "release run 2", "cancel 3: reason".
std::string text(const std::vector<Action>& actions) {
  std::string all;
  for (const Action& action : actions) {
    if (!all.empty()) all += "\n";
    switch (action.kind) {
      case ActionKind::release_run:
        all += "release run " + std::to_string(action.run.value);
        break;
      case ActionKind::cancel_run:
        all += "cancel run " + std::to_string(action.run.value);
        break;
      case ActionKind::start_job:
        all += "start " + std::to_string(action.job.value);
        break;
      case ActionKind::fail_job:
        all += "fail " + std::to_string(action.job.value);
        break;
      case ActionKind::cancel_job:
        all += "cancel " + std::to_string(action.job.value);
        break;
    }
    if (!action.reason.empty()) all += ": " + action.reason;
  }
  return all;
}

const std::string kSuperseded =
    ": Canceling since a higher priority waiting request for 'g' exists";

}  // namespace

TEST_CASE("scheduler: jobs start up to the machine's limit, the oldest first") {
  Scheduler scheduler(capacity(2));
  for (int id = 1; id <= 3; ++id)
    scheduler.add_job(job(id));
  CHECK(text(scheduler.decide(kStart)) == "start 1\nstart 2");
  CHECK(text(scheduler.decide(kStart)).empty());
  CHECK(scheduler.why_waiting(JobId{3}).reason == "waiting for room, 2 of 2 jobs run");
  CHECK(scheduler.why_waiting(JobId{1}).kind == HoldKind::none);
  scheduler.job_finished(JobId{1});
  scheduler.job_finished(JobId{1});
  CHECK(text(scheduler.decide(kStart)) == "start 3");
}

TEST_CASE("scheduler: repositories take turns") {
  Scheduler scheduler(capacity(1));
  for (int id = 1; id <= 4; ++id)
    scheduler.add_job(job(id, 1, 1));
  scheduler.add_job(job(10, 2, 2));
  scheduler.add_job(job(11, 2, 2));
  std::vector<std::int64_t> order;
  for (int i = 0; i < 6; ++i) {
    const auto actions = scheduler.decide(kStart);
    REQUIRE(actions.size() == 1);
    order.push_back(actions[0].job.value);
    scheduler.job_finished(actions[0].job);
  }
  CHECK(order == std::vector<std::int64_t>{1, 10, 2, 11, 3, 4});
}

TEST_CASE("scheduler: a job fits an offer with all its labels, ignoring case, and its own limit") {
  Scheduler scheduler(
      {.jobs = 10, .offers = {{.labels = {"linux", "big"}, .limit = 1}, {.labels = {"linux"}}}});
  auto big = job(1);
  big.labels = {"BIG", "Linux"};
  scheduler.add_job(big);
  big.job = JobId{2};
  scheduler.add_job(big);
  auto small = job(3);
  small.labels = {"linux"};
  scheduler.add_job(small);
  const auto actions = scheduler.decide(kStart);
  CHECK(text(actions) == "start 1\nstart 3");
  CHECK(actions[0].offer == 0);
  CHECK(actions[1].offer == 1);
  scheduler.job_finished(JobId{1});
  CHECK(text(scheduler.decide(kStart)) == "start 2");
}

TEST_CASE("scheduler: a label nobody offers fails the job at once and lists what is on offer") {
  Scheduler scheduler(capacity(1));
  auto entry = job(1);
  entry.labels = {"windows-latest"};
  scheduler.add_job(entry);
  entry = job(2);
  entry.runner_group = "large";
  scheduler.add_job(entry);
  entry = job(3);
  entry.labels = {};
  scheduler.add_job(entry);
  CHECK(text(scheduler.decide(kStart)) ==
        "fail 1: starting job 'build': no runner has the labels [windows-latest]; on offer: "
        "[ubuntu-latest, self-hosted, linux]\n"
        "fail 2: starting job 'build': there is no runner group 'large'; on offer: "
        "[ubuntu-latest, self-hosted, linux]\n"
        "fail 3: starting job 'build': no runner has the labels []; on offer: "
        "[ubuntu-latest, self-hosted, linux]");
}

TEST_CASE("scheduler: a reload that takes a label away fails the jobs that wait for it") {
  Scheduler scheduler(capacity(1));
  scheduler.add_job(job(1));
  scheduler.add_job(job(2));
  scheduler.add_job(in_group(job(3), "g"));
  scheduler.add_job(in_group(job(4), "G"));
  CHECK(text(scheduler.decide(kStart)) == "start 1");
  scheduler.set_capacity({.jobs = 3, .offers = {{.labels = {"gpu"}}}});
  const auto actions = scheduler.decide(kStart);
  REQUIRE(actions.size() == 3);
  for (const Action& action : actions)
    CHECK(action.kind == ActionKind::fail_job);
  CHECK(scheduler.load().running == 1);
  CHECK(scheduler.load().waiting + scheduler.load().held == 0);
  scheduler.job_finished(JobId{1});
  CHECK(scheduler.load().running == 0);
}

TEST_CASE("scheduler: a reload to a lower limit lets running jobs end first") {
  Scheduler scheduler(capacity(2));
  for (int id = 1; id <= 3; ++id)
    scheduler.add_job(job(id));
  (void)scheduler.decide(kStart);
  scheduler.set_capacity(capacity(1));
  scheduler.job_finished(JobId{1});
  CHECK(text(scheduler.decide(kStart)).empty());
  scheduler.job_finished(JobId{2});
  CHECK(text(scheduler.decide(kStart)) == "start 3");
}

TEST_CASE("scheduler: max-parallel holds legs of one job of one run") {
  Scheduler scheduler(capacity(9));
  for (int id = 1; id <= 3; ++id) {
    auto leg = job(id);
    leg.max_parallel = 2;
    scheduler.add_job(leg);
  }
  auto other = job(4, 2);
  other.max_parallel = 2;
  scheduler.add_job(other);
  CHECK(text(scheduler.decide(kStart)) == "start 1\nstart 2\nstart 4");
  CHECK(scheduler.why_waiting(JobId{3}).reason ==
        "waiting for another job of the matrix to end, max-parallel is 2");
  scheduler.cancel_job(JobId{3}, "enough");
  CHECK(text(scheduler.decide(kStart)) == "cancel 3: enough");
  scheduler.job_finished(JobId{1});
  CHECK(text(scheduler.decide(kStart)).empty());
}

TEST_CASE("concurrency: one runs, one waits, a newer one takes the waiting one's place") {
  Scheduler scheduler(capacity(9));
  scheduler.add_run(a_run(1, Concurrency{.group = "g"}));
  scheduler.add_run(a_run(2, Concurrency{.group = "G"}));
  CHECK(text(scheduler.decide(kStart)) == "release run 1");
  CHECK(scheduler.why_waiting(RunId{2}).reason == "waiting for concurrency group 'G'");
  scheduler.add_run(a_run(3, Concurrency{.group = "g"}));
  CHECK(text(scheduler.decide(kStart)) == "cancel run 2" + kSuperseded);
  scheduler.run_finished(RunId{2});
  scheduler.run_finished(RunId{1});
  CHECK(text(scheduler.decide(kStart)) == "release run 3");
}

TEST_CASE("concurrency: cancel-in-progress cancels the running one too, which still ends first") {
  Scheduler scheduler(capacity(9));
  scheduler.add_run(a_run(1, Concurrency{.group = "g"}));
  scheduler.add_run(a_run(2, Concurrency{.group = "g"}));
  (void)scheduler.decide(kStart);
  scheduler.add_run(a_run(3, Concurrency{.group = "g", .cancel_in_progress = true}));
  CHECK(text(scheduler.decide(kStart)) ==
        "cancel run 2" + kSuperseded + "\ncancel run 1" + kSuperseded);
  scheduler.add_run(a_run(4, Concurrency{.group = "g", .cancel_in_progress = true}));
  CHECK(text(scheduler.decide(kStart)) == "cancel run 3" + kSuperseded);
  scheduler.run_finished(RunId{1});
  CHECK(text(scheduler.decide(kStart)) == "release run 4");
}

TEST_CASE("concurrency: runs and jobs share the groups of a repository, not of another") {
  Scheduler scheduler(capacity(9));
  scheduler.add_run(a_run(1, Concurrency{.group = "g"}));
  scheduler.add_run(a_run(2));
  scheduler.add_job(in_group(job(20, 2), "g"));
  scheduler.add_job(in_group(job(30, 3, 2), "g"));
  CHECK(text(scheduler.decide(kStart)) == "release run 1\nrelease run 2\nstart 30");
  CHECK(scheduler.why_waiting(JobId{20}).kind == HoldKind::concurrency);
  scheduler.run_finished(RunId{1});
  CHECK(text(scheduler.decide(kStart)) == "start 20");
}

TEST_CASE("concurrency: a job that waits for room is cancelled at once and makes way") {
  Scheduler scheduler(capacity(1));
  scheduler.add_job(job(1));
  scheduler.add_job(in_group(job(2), "g"));
  (void)scheduler.decide(kStart);
  scheduler.add_job(in_group(job(3), "g", true));
  CHECK(text(scheduler.decide(kStart)) == "cancel 2" + kSuperseded);
  scheduler.job_finished(JobId{1});
  CHECK(text(scheduler.decide(kStart)) == "start 3");
}

TEST_CASE("concurrency: queue max keeps a hundred waiting in order and refuses more") {
  Scheduler scheduler(capacity(1));
  const Concurrency group{.group = "g", .queue = Queue::max};
  for (int id = 1; id <= 102; ++id)
    scheduler.add_run(a_run(id, group));
  CHECK(text(scheduler.decide(kStart)) == "release run 1\ncancel run 102" + kSuperseded);
  scheduler.run_finished(RunId{1});
  CHECK(text(scheduler.decide(kStart)) == "release run 2");
}

TEST_CASE("concurrency: a job in its own run's group is a deadlock and is cancelled") {
  Scheduler scheduler(capacity(9));
  scheduler.add_run(a_run(1, Concurrency{.group = "g"}));
  scheduler.add_job(in_group(job(1), "G", true));
  CHECK(text(scheduler.decide(kStart)) ==
        "release run 1\ncancel 1: Canceling since a deadlock for concurrency group 'G' was "
        "detected between 'top level workflow' and 'build'");
}

TEST_CASE("concurrency: two runs whose jobs want each other's group are a deadlock") {
  Scheduler scheduler(capacity(9));
  scheduler.add_run(a_run(1, Concurrency{.group = "a"}));
  scheduler.add_run(a_run(2, Concurrency{.group = "b"}));
  scheduler.add_job(in_group(job(10, 1), "b"));
  CHECK(text(scheduler.decide(kStart)) == "release run 1\nrelease run 2");
  scheduler.add_job(in_group(job(20, 2), "a"));
  CHECK(text(scheduler.decide(kStart)) ==
        "cancel 20: Canceling since a deadlock for concurrency group 'a' was detected between "
        "'run 1' and 'build'");
  scheduler.run_finished(RunId{2});
  CHECK(text(scheduler.decide(kStart)) == "start 10");
}

TEST_CASE("concurrency: a leg that ends lets others of the group pass before the next leg") {
  Scheduler scheduler(capacity(9));
  for (int id = 1; id <= 2; ++id) {
    auto leg = in_group(job(id), "g");
    leg.max_parallel = 1;
    scheduler.add_job(leg);
  }
  scheduler.add_job(in_group(job(3, 2), "g"));
  CHECK(text(scheduler.decide(kStart)) == "start 1");
  scheduler.job_finished(JobId{1});
  CHECK(text(scheduler.decide(kStart)) == "start 3");
  scheduler.job_finished(JobId{3});
  CHECK(text(scheduler.decide(kStart)) == "start 2");
}

TEST_CASE("scheduler: a job over its time is cancelled once, in GitHub's words") {
  Scheduler scheduler(capacity(1));
  auto entry = job(1);
  entry.timeout = minutes(10);
  scheduler.add_job(entry);
  (void)scheduler.decide(kStart);
  const auto end = kStart + minutes(10) + kTimeoutGrace;
  CHECK(scheduler.next_deadline() == end);
  CHECK(text(scheduler.decide(kStart + minutes(10))).empty());
  const auto actions = scheduler.decide(end);
  CHECK(text(actions) ==
        "cancel 1: The job has exceeded the maximum execution time of 10 minutes.");
  CHECK(actions[0].cause == ActionCause::timed_out);
  CHECK(text(scheduler.decide(kStart + minutes(11))).empty());
  CHECK_FALSE(scheduler.next_deadline());
  CHECK(scheduler.load().running == 1);
}

TEST_CASE("scheduler: a job waits for room no longer than a day; held ones are not counted") {
  Scheduler scheduler(capacity(1));
  auto entry = job(1);
  entry.timeout = hours(1000);
  entry.concurrency = Concurrency{.group = "g"};
  scheduler.add_job(entry);
  scheduler.add_job(job(2));
  scheduler.add_job(in_group(job(3), "g"));
  (void)scheduler.decide(kStart);
  CHECK(text(scheduler.decide(kStart + hours(24))) ==
        "cancel 2: The job has waited for a free runner for more than 24 hours.");
  scheduler.job_finished(JobId{1});
  CHECK(text(scheduler.decide(kStart + hours(100))) == "start 3");
}

TEST_CASE("scheduler: cancelling a waiting run or job ends it here, a running one when it ends") {
  Scheduler scheduler(capacity(1));
  scheduler.add_run(a_run(1, Concurrency{.group = "g"}));
  scheduler.add_run(a_run(2, Concurrency{.group = "g"}));
  scheduler.add_job(job(1));
  scheduler.add_job(job(2));
  (void)scheduler.decide(kStart);
  scheduler.cancel_run(RunId{2}, "stop");
  scheduler.cancel_run(RunId{1}, "stop");
  scheduler.cancel_run(RunId{1}, "stop");
  scheduler.cancel_job(JobId{2}, "stop");
  scheduler.cancel_job(JobId{1}, "stop");
  scheduler.cancel_job(JobId{1}, "stop");
  scheduler.cancel_job(JobId{77}, "stop");
  CHECK(text(scheduler.decide(kStart)) ==
        "cancel run 2: stop\ncancel run 1: stop\ncancel 2: stop\ncancel 1: stop");
  CHECK(scheduler.load().running == 1);
  CHECK(scheduler.load().waiting == 0);
  CHECK(scheduler.load().runs_waiting == 0);
}

TEST_CASE("scheduler: after a restart running jobs keep their room, group, slot and deadline") {
  Scheduler scheduler(capacity(2));
  auto first = a_run(1, Concurrency{.group = "g"});
  first.released = true;
  scheduler.add_run(first);
  auto running = job(1);
  running.max_parallel = 1;
  running.started_at = kStart - minutes(359);
  scheduler.add_job(running);
  auto next = job(2);
  next.max_parallel = 1;
  scheduler.add_job(next);
  scheduler.add_run(a_run(2, Concurrency{.group = "g"}));
  auto old = job(3, 3);
  old.queued_at = kStart - hours(25);
  scheduler.add_job(old);
  CHECK(text(scheduler.decide(kStart)) ==
        "cancel 3: The job has waited for a free runner for more than 24 hours.");
  CHECK(scheduler.load().running == 1);
  CHECK(scheduler.load().held == 1);
  CHECK(scheduler.load().runs_waiting == 1);
  CHECK(scheduler.next_deadline() == kStart + minutes(1) + kTimeoutGrace);
  scheduler.job_finished(JobId{1});
  scheduler.run_finished(RunId{1});
  CHECK(text(scheduler.decide(kStart)) == "release run 2\nstart 2");
}

TEST_CASE("concurrency: what cannot be a group is refused") {
  const auto message = [](std::string_view json) {
    const auto value = expr::parse_json(json);
    REQUIRE(value);
    const auto read = read_concurrency(*value);
    return read ? "group " + read->group : read.error().message;
  };
  CHECK(message(R"("g")") == "group g");
  CHECK(message(R"({"group":"g","cancel-in-progress":true})") == "group g");
  CHECK(message("5") == "group 5");
  CHECK(message(R"("")") == "Concurrency group name must not be empty");
  CHECK(message(R"({"cancel-in-progress":true})") == "Concurrency group name must not be empty");
  CHECK(message("[]") == "Expected a string for the concurrency group");
  CHECK(message(R"({"group":"g","cancel-in-progress":"no"})") ==
        "Expected a boolean for cancel-in-progress, not 'no'");
  CHECK(message(R"({"group":"g","queue":"all"})") ==
        "Unexpected value 'all' for queue, expected single or max");
  CHECK(message(R"({"group":"g","queue":"max","cancel-in-progress":true})") ==
        "queue: max and cancel-in-progress: true exclude each other");
  CHECK(message("\"" + std::string(401, 'x') + "\"").starts_with("Concurrency group name must be"));
}
