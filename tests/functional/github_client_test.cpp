// SPDX-License-Identifier: MIT
#include "tests/functional/github_desk.hpp"

using namespace gantry;
using namespace gantry::test;

TEST_CASE("client: a 403 names the permission GitHub would accept") {
  play([](Desk& desk, FakeGithub& fake) -> Task<> {
    Target target;
    target.installation_id = FakeGithub::kInstallation;
    target.repository = FakeGithub::kRepository;
    auto request = proto::get_check_run("/repos/octo/hello", 1);
    std::map<std::string, std::string> permissions;
    permissions.emplace("contents", "read");
    const auto reply =
        co_await desk.github.call(target, std::move(request), std::move(permissions));
    CHECK(reply.verdict.outcome == RestOutcome::denied);
    CHECK(reply.verdict.message.find("'checks=read'") != std::string::npos);
    co_await fake.state();
  });
}

TEST_CASE("client: tokens are cached by scope, narrow, and replaced once when refused") {
  play([](Desk& desk, FakeGithub& fake) -> Task<> {
    Target target;
    target.installation_id = FakeGithub::kInstallation;
    target.repository = FakeGithub::kRepository;
    const auto first = co_await desk.github.checkout_token(target);
    const auto again = co_await desk.github.checkout_token(target);
    CHECK(first.value.starts_with("ghs_"));
    CHECK(first.value == again.value);
    json state = co_await fake.state();
    CHECK(state["requests"].size() == 1);
    const json narrow =
        json::parse(R"({"permissions":{"contents":"read"},"repositories":["hello"]})");
    CHECK(state["requests"][0]["body"] == narrow);
    target.repository = "octo/other";
    const auto other = co_await desk.github.checkout_token(target);
    CHECK(other.verdict.outcome == RestOutcome::denied);
  });
}

TEST_CASE("client: a token too fresh for some of GitHub's machines is tried again") {
  play([](Desk& desk, FakeGithub& fake) -> Task<> {
    co_await fake.control("set", R"({"token_delay":1})");
    desk.queue.want(item(1, kCompleted));
    desk.reporter.notify();
    co_await desk.queue.until_told(1);
    const json state = co_await fake.state();
    CHECK(state["tokens_minted"] == 1);
  });
}

TEST_CASE("client: a clock that is wrong is corrected by GitHub's") {
  for (const std::string offset : {"-3600", "3600"}) {
    CAPTURE(offset);
    play([&](Desk& desk, FakeGithub& fake) -> Task<> {
      co_await fake.control("set", std::string(R"({"clock_offset":)") + offset + "}");
      desk.queue.want(item(1, kCompleted));
      desk.reporter.notify();
      co_await desk.queue.until_told(1);
      const json state = co_await fake.state();
      CHECK(count(state, "POST", "access_tokens") == 2);
    });
  }
}

TEST_CASE("client: PKCS#8 keys sign too; other keys are refused with what to do") {
  if (!test::has_fake_github()) return;  // the others say so
  FakeGithub fake;
  AppConfig config = fake.app;
  const core::Timestamp now = *core::parse_iso8601("2026-01-02T03:04:05Z");
  const std::string pkcs1 = JwtSigner(config).sign(now);
  config.private_key_pem = fake.pkcs8_pem;
  CHECK(JwtSigner(config).sign(now) == pkcs1);
  CHECK(pkcs1.find_first_of("=+/") == std::string::npos);
  for (const char* bad : {"", "nonsense",
                          "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA "
                          "PRIVATE KEY-----\n"}) {
    config.private_key_pem = bad;
    CHECK_THROWS_WITH_AS(JwtSigner{config},
                         "reading the GitHub App's private key: not an RSA key in PEM form without "
                         "passphrase; download one from the App's settings",
                         core::Exception);
  }
}

TEST_CASE("client: finds the installation of a repository") {
  play([](Desk& desk, FakeGithub& fake) -> Task<> {
    const auto reply = co_await desk.github.installation_of(FakeGithub::kRepository);
    CHECK(reply.value == FakeGithub::kInstallation);
    co_await fake.state();
  });
}
