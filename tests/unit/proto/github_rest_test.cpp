// SPDX-License-Identifier: MIT
#include "proto/github_rest.hpp"

#include <doctest/doctest.h>

using namespace gantry;
using namespace gantry::proto;
using namespace std::chrono_literals;

namespace {

const core::Timestamp kNow = *core::parse_iso8601("2026-01-02T03:04:05Z");
constexpr std::string_view kDate = "Fri, 02 Jan 2026 03:14:05 GMT";  // ten minutes ahead of us

RestAnswer answer(int status, std::string body = "{}",
                  std::vector<std::pair<std::string, std::string>> headers = {}) {
  return RestAnswer{status, std::move(headers), std::move(body)};
}

}  // namespace

TEST_CASE("verdict: each status means one thing to the sender") {
  const std::pair<int, RestOutcome> cases[] = {
      {200, RestOutcome::ok},      {201, RestOutcome::ok},
      {204, RestOutcome::ok},      {304, RestOutcome::not_modified},
      {400, RestOutcome::invalid}, {401, RestOutcome::unauthorized},
      {403, RestOutcome::denied},  {404, RestOutcome::gone},
      {408, RestOutcome::trouble}, {410, RestOutcome::gone},
      {422, RestOutcome::invalid}, {429, RestOutcome::wait},
      {500, RestOutcome::trouble}, {502, RestOutcome::trouble},
      {302, RestOutcome::trouble},
  };
  for (const auto& [status, outcome] : cases) {
    CAPTURE(status);
    CHECK(judge(answer(status), kNow).outcome == outcome);
  }
}

TEST_CASE("verdict: Retry-After wins, then the reset of an empty limit by GitHub's clock") {
  const auto told = judge(answer(403, "{}", {{"retry-after", "30"}}), kNow);
  CHECK(told.outcome == RestOutcome::wait);
  CHECK(told.retry_at == kNow + 30s);
  const auto reset_at = std::to_string(
      std::chrono::duration_cast<std::chrono::seconds>((kNow + 15min).time_since_epoch()).count());
  const RestAnswer limited = answer(403, "{}",
                                    {{"X-RateLimit-Remaining", "0"},
                                     {"x-ratelimit-reset", reset_at},
                                     {"Date", std::string(kDate)}});
  CHECK(judge(limited, kNow).outcome == RestOutcome::wait);
  CHECK(judge(limited, kNow).retry_at == kNow + 5min + 1s);
  const auto absurd = judge(answer(429, "{}", {{"Retry-After", "99999999999"}}), kNow);
  CHECK(absurd.retry_at == kNow + 24h);
  CHECK(judge(answer(503, "{}", {{"Retry-After", "7"}}), kNow).retry_at == kNow + 7s);
}

TEST_CASE("verdict: a secondary limit without a time waits a minute, then doubles") {
  const RestAnswer limited =
      answer(403, R"({"message":"You have exceeded a secondary rate limit."})");
  CHECK(judge(limited, kNow).retry_at == kNow + 60s);
  CHECK(judge(limited, kNow, 2).retry_at == kNow + 240s);
  CHECK(judge(limited, kNow, 50).retry_at == kNow + 1h);
}

TEST_CASE("verdict: a missing permission is named") {
  const auto verdict = judge(
      answer(403, R"({"message":"Resource not accessible by integration"})",
             {{"X-Accepted-GitHub-Permissions", "checks=write"}, {"X-RateLimit-Remaining", "12"}}),
      kNow);
  CHECK(verdict.outcome == RestOutcome::denied);
  CHECK(verdict.message ==
        "Resource not accessible by integration; the App or token needs the permission "
        "'checks=write': grant it and accept it in the installation");
}

TEST_CASE("verdict: validation errors carry GitHub's text") {
  const auto verdict =
      judge(answer(422, R"({"message":"Invalid request.","errors":["summary is long",
                     {"resource":"CheckRun","field":"name","code":"missing"},
                     {"message":"told"}]})"),
            kNow);
  CHECK(verdict.message == "Invalid request.; summary is long; name missing; told");
}

TEST_CASE("verdict: a body that is not JSON is no trouble") {
  CHECK(judge(answer(502, "<html>"), kNow).message == "HTTP status 502");
  CHECK(judge(answer(422, "[1"), kNow).outcome == RestOutcome::invalid);
  CHECK(judge(answer(200, "x", {{"Date", std::string(kDate)}}), kNow).server_time == kNow + 10min);
  CHECK_FALSE(judge(answer(200, "x", {{"Date", "yesterday"}}), kNow).server_time);
}

TEST_CASE("requests: values are encoded in paths and queries") {
  const RestRequest list = list_check_runs("/repos/o/r", "abc", "build (a/b, 1 & 2)", 2);
  CHECK(list.path ==
        "/repos/o/r/commits/abc/check-runs?check_name=build%20%28a%2Fb%2C%201%20%26%202%29"
        "&filter=all&per_page=100&page=2");
  CHECK(update_check_run("/repos/o/r", 5'000'000'000, "{}").path ==
        "/repos/o/r/check-runs/5000000000");
  TokenScope scope{7, {"r"}, {{"checks", "write"}}};
  CHECK(create_installation_token(scope).body ==
        R"({"permissions":{"checks":"write"},"repositories":["r"]})");
}

TEST_CASE("requests: a repository that is not owner/name is refused") {
  CHECK(*repository_path("oct-o/hello.world") == "/repos/oct-o/hello.world");
  for (const char* bad : {"", "a", "a/", "/b", "a/b/c", "a/..", "a/b?x", "a/b c", "../x"}) {
    CAPTURE(bad);
    CHECK_FALSE(repository_path(bad));
  }
  CHECK(repository_path("a").error().message == "naming a repository 'a': not owner/name");
}

TEST_CASE("answers: check runs and tokens are read leniently, but not without what matters") {
  const auto run = parse_check_run(R"({"id":5000000000,"external_id":null,"status":"waiting",
      "conclusion":null,"output":{"annotations_count":3}})");
  REQUIRE(run);
  CHECK(run->id == 5'000'000'000);
  CHECK(run->annotations == 3);
  CHECK(run->status == "waiting");
  CHECK_FALSE(parse_check_run(R"({"id":"5"})"));
  CHECK_FALSE(parse_check_run("nonsense"));
  CHECK(parse_check_runs(R"({"total_count":1,"check_runs":[{"id":1}]})")->runs.size() == 1);
  CHECK_FALSE(parse_check_runs("[]"));
  const std::string token = "ghs_1_" + std::string(600, 'x') + ".y.z";
  const auto parsed = parse_installation_token(R"({"token":")" + token +
                                               R"(","expires_at":"2026-01-02T04:04:05Z"})");
  REQUIRE(parsed);
  CHECK(parsed->token == token);
  CHECK(parsed->expires_at == kNow + 1h);
  CHECK_FALSE(parse_installation_token(R"({"token":"x"})"));
}
