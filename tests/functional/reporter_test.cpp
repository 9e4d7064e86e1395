// SPDX-License-Identifier: MIT
// The reporter against the stand-in for GitHub, each way GitHub can fail included.
#include "tests/functional/github_desk.hpp"

using namespace gantry;
using namespace gantry::test;

TEST_CASE("reporter: queued, in_progress, completed become one check run") {
  play([](Desk& desk, FakeGithub& fake) -> Task<> {
    for (const auto status : {kQueued, kRunning, kCompleted}) {
      desk.queue.want(item(1, status));
      desk.reporter.notify();
      co_await desk.queue.until_told(1);
    }
    const json state = co_await fake.state();
    REQUIRE(state["check_runs"].size() == 1);
    const json& run = state["check_runs"][0];
    CHECK(run["history"].dump() == R"(["queued","in_progress","completed"])");
    CHECK(run["conclusion"] == "failure");
    CHECK(run["external_id"] == "job-1");
    CHECK(run["id"] == desk.queue.entries[1].item.remote.id);
    CHECK(state["tokens_minted"] == 1);
    const json expected_permissions = json::parse(R"({"checks":"write"})");
    CHECK(state["requests"].back()["permissions"] == expected_permissions);
  });
}

TEST_CASE("reporter: states that were passed over while GitHub was slow are not sent") {
  play([](Desk& desk, FakeGithub& fake) -> Task<> {
    co_await fail_next(fake, R"({"match":"POST .*check-runs","mode":"slow","seconds":0.3})");
    desk.queue.want(item(1, kQueued));
    desk.reporter.notify();
    std::function<bool()> begun = [&] { return desk.queue.entries[1].item.remote.uncertain; };
    co_await desk.queue.until(std::move(begun));
    desk.queue.want(item(1, kRunning));
    desk.queue.want(item(1, kCompleted));
    desk.reporter.notify();
    co_await desk.queue.until_told(1);
    const json state = co_await fake.state();
    CHECK(state["check_runs"][0]["history"].dump() == R"(["queued","completed"])");
  });
}

TEST_CASE("reporter: 120 annotations arrive once each, in batches, completed last") {
  play([](Desk& desk, FakeGithub& fake) -> Task<> {
    desk.queue.want(item(1, kCompleted, 120));
    desk.reporter.notify();
    co_await desk.queue.until_told(1);
    const json state = co_await fake.state();
    const json& run = state["check_runs"][0];
    CHECK(run["history"].dump() == R"(["in_progress","in_progress","completed"])");
    REQUIRE(run["annotations"].size() == 120);
    for (int i = 0; i < 120; ++i)
      CHECK(run["annotations"][static_cast<std::size_t>(i)]["start_line"] == i + 1);
  });
}

TEST_CASE("reporter: whatever happens to any write, nothing is created or appended twice") {
  const std::string modes[] = {"reset_before", "reset_after", "status_after", "status"};
  for (const std::string& mode : modes) {
    for (int skip = 0; skip < 3; ++skip) {
      CAPTURE(mode);
      CAPTURE(skip);
      play([&](Desk& desk, FakeGithub& fake) -> Task<> {
        json failure = {{"match", "(POST|PATCH) .*check-runs"},
                        {"mode", mode},
                        {"status", 502},
                        {"skip", skip},
                        {"times", 2}};
        co_await fail_next(fake, failure.dump());
        desk.queue.want(item(1, kCompleted, 120));
        desk.queue.want(item(2, kCompleted));
        desk.reporter.notify();
        co_await desk.queue.until_told(1);
        co_await desk.queue.until_told(2);
        const json state = co_await fake.state();
        REQUIRE(state["check_runs"].size() == 2);
        for (const json& run : state["check_runs"]) {
          const std::size_t expected = run["external_id"] == "job-1" ? 120 : 0;
          CHECK(run["annotations"].size() == expected);
          CHECK(run["status"] == "completed");
        }
        CHECK(state["failures_left"] == 0);
        CHECK(state["most_writing"] == 1);
      });
    }
  }
}

TEST_CASE(
    "reporter: after a crash in the middle of a create, the check run is found, not repeated") {
  play([](Desk& desk, FakeGithub& fake) -> Task<> {
    Target target;
    target.installation_id = FakeGithub::kInstallation;
    target.repository = FakeGithub::kRepository;
    ReportItem lost = item(1, kCompleted);
    const std::string body = proto::check_run_create_body(lost.report);
    const auto reply = co_await desk.github.create_check_run(target, body);
    REQUIRE(reply.verdict.outcome == RestOutcome::ok);
    desk.queue.want(std::move(lost));
    desk.queue.entries[1].item.remote.uncertain = true;  // what the durable note says
    desk.reporter.notify();
    co_await desk.queue.until_told(1);
    const json state = co_await fake.state();
    CHECK(state["check_runs"].size() == 1);
    CHECK(desk.queue.entries[1].item.remote.id == reply.value.id);
  });
}

TEST_CASE("reporter: Retry-After is obeyed by the whole lane") {
  play([](Desk& desk, FakeGithub& fake) -> Task<> {
    co_await fail_next(fake, R"({"match":"POST .*check-runs","mode":"status","status":429,
                                 "headers":{"Retry-After":"1"}})");
    desk.queue.want(item(1, kQueued));
    desk.queue.want(item(2, kQueued));
    desk.reporter.notify();
    co_await desk.queue.until_told(1);
    co_await desk.queue.until_told(2);
    const json state = co_await fake.state();
    std::vector<double> posts;
    for (const json& request : state["requests"]) {
      if (request["path"].get<std::string>().ends_with("/check-runs")) {
        posts.push_back(request["at"].get<double>());
      }
    }
    REQUIRE(posts.size() == 3);
    CHECK(posts[1] - posts[0] >= 0.99);
    CHECK(state["check_runs"].size() == 2);
  });
}

TEST_CASE("reporter: an empty limit pauses one lane until its reset, other lanes go on") {
  play([](Desk& desk, FakeGithub& fake) -> Task<> {
    const auto reset =
        std::chrono::duration_cast<std::chrono::seconds>((g_clock.now() + 1h).time_since_epoch());
    json failure = {{"match", "POST .*check-runs"}, {"mode", "status"}, {"status", 403}};
    failure["headers"] = {{"X-RateLimit-Remaining", "0"},
                          {"X-RateLimit-Reset", std::to_string(reset.count())}};
    co_await fail_next(fake, failure.dump());
    desk.queue.want(item(1, kQueued));
    ReportItem status = item(2, kCompleted);
    status.channel = Channel::commit_status;
    status.target.installation_id = 0;
    desk.reporter.notify();
    std::function<bool()> failed = [&] { return !desk.queue.entries[1].error.empty(); };
    co_await desk.queue.until(std::move(failed));
    desk.queue.want(std::move(status));
    desk.reporter.notify();
    co_await desk.queue.until_told(2);
    const auto paused = desk.reporter.paused();
    REQUIRE(paused.size() == 1);
    CHECK(paused.begin()->first == FakeGithub::kInstallation);
    CHECK(paused.begin()->second > g_clock.now() + 59min);
    const json state = co_await fake.state();
    CHECK(count(state, "POST", "/check-runs") == 1);
    CHECK(state["statuses"][0]["state"] == "failure");
  });
}

TEST_CASE("reporter: a secondary limit without a time waits a minute") {
  play([](Desk& desk, FakeGithub& fake) -> Task<> {
    co_await fail_next(fake, R"({"match":"check-runs","mode":"status","status":403,
        "body":{"message":"You have exceeded a secondary rate limit. Please wait."}})");
    desk.queue.want(item(1, kQueued));
    desk.reporter.notify();
    std::function<bool()> failed = [&] { return !desk.queue.entries[1].error.empty(); };
    co_await desk.queue.until(std::move(failed));
    CHECK(desk.queue.entries[1].next_try > g_clock.now() + 55s);
    CHECK(desk.queue.entries[1].item.attempts == 0);
  });
}

TEST_CASE("reporter: GitHub away costs only the delay") {
  play([](Desk& desk, FakeGithub& fake) -> Task<> {
    co_await fail_next(fake, R"({"match":".","mode":"reset_before","times":10})");
    for (int key = 1; key <= 3; ++key)
      desk.queue.want(item(key, kCompleted));
    desk.reporter.notify();
    for (int key = 1; key <= 3; ++key)
      co_await desk.queue.until_told(key);
    const json state = co_await fake.state();
    CHECK(state["check_runs"].size() == 3);
  });
}

TEST_CASE("reporter: an answer that is too late is looked up, not sent again") {
  play([](Desk& desk, FakeGithub& fake) -> Task<> {
    co_await fail_next(fake, R"({"match":"POST .*check-runs","mode":"slow_after","seconds":3.2})");
    desk.queue.want(item(1, kCompleted));
    desk.reporter.notify();
    co_await desk.queue.until_told(1);
    const json state = co_await fake.state();
    CHECK(state["check_runs"].size() == 1);
    CHECK(count(state, "POST", "/check-runs") == 1);
  });
}

TEST_CASE("reporter: a lane whose answers cannot be noted rests before it tells them again") {
  play([](Desk& desk, FakeGithub&) -> Task<> {
    desk.queue.is_disk_full = true;
    desk.queue.want(item(1, kQueued));
    desk.reporter.notify();
    std::function<bool()> refused = [&] { return desk.queue.refused > 0; };
    co_await desk.queue.until(std::move(refused));
    CHECK(desk.reporter.paused().contains(FakeGithub::kInstallation));
  });
}

TEST_CASE("reporter: what GitHub finds invalid is dead with its text; a newer state lives") {
  play([](Desk& desk, FakeGithub& fake) -> Task<> {
    ReportItem bad = item(1, kCompleted);
    bad.report.head_sha = "not a sha";
    desk.queue.want(std::move(bad));
    ReportItem nameless = item(2, kCompleted);
    nameless.target.repository = "no-slash";
    desk.queue.want(std::move(nameless));
    desk.reporter.notify();
    std::function<bool()> dead = [&] {
      return desk.queue.entries[1].is_dead && desk.queue.entries[2].is_dead;
    };
    co_await desk.queue.until(std::move(dead));
    CHECK(desk.queue.entries[1].error == "No commit found for SHA: not a sha");
    CHECK(desk.queue.entries[2].error ==
          "calling GitHub: naming a repository 'no-slash': not owner/name");
    desk.queue.want(item(1, kCompleted));
    desk.reporter.notify();
    co_await desk.queue.until_told(1);
    const json state = co_await fake.control("clear", "{}");
    CHECK(state["check_runs"].size() == 1);
  });
}

TEST_CASE("reporter: a missing permission is told in words, tried again, then given up") {
  play([](Desk& desk, FakeGithub& fake) -> Task<> {
    co_await fake.control("set", R"({"permissions":{"contents":"read","metadata":"read"}})");
    desk.queue.want(item(1, kCompleted));
    desk.reporter.notify();
    std::function<bool()> failed = [&] { return desk.queue.entries[1].item.attempts == 1; };
    co_await desk.queue.until(std::move(failed));
    CHECK(desk.queue.entries[1].error ==
          "getting a token for installation 7: The permissions requested are not granted to this "
          "installation.; grant the App 'checks: write' and accept it in the installation");
    co_await fake.control("set", R"({"permissions":{"checks":"write"}})");
    co_await desk.queue.until_told(1);
    co_await fake.control("set", R"({"suspended":true})");
    co_await fake.control("expire_tokens", "{}");
    desk.queue.want(item(1, kRunning));
    desk.reporter.notify();
    std::function<bool()> dead = [&] { return desk.queue.entries[1].is_dead; };
    co_await desk.queue.until(std::move(dead));
    CHECK(desk.queue.entries[1].error.find("suspended") != std::string::npos);
  });
}
