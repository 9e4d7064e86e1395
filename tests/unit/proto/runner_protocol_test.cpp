// SPDX-License-Identifier: MIT
#include "proto/runner_protocol.hpp"

#include <doctest.h>

using namespace gantry;
using core::expr::Object;
using core::expr::Value;

namespace {

proto::JobMessage sample() {
  proto::JobMessage message;
  message.run.value = 7;
  message.run_number = 3;
  message.job.value = 9;
  message.job_key = "build";
  message.job_name = "build (gcc)";
  message.workflow_file = ".github/workflows/ci.yml";
  message.workflow_text = "on: push\njobs: {}\n";
  Object github;
  github.set("sha", "abc");
  message.github = Value(github);
  message.vars = {{"Mode", "fast"}};
  message.secrets = {{"TOKEN", "s3cret"}};
  message.masks = {"more"};
  message.trust = proto::Trust::trusted;
  message.timeout = std::chrono::minutes(12);
  message.labels = {"linux"};
  message.sandbox.network = core::config::Network::internet;
  message.sandbox.memory_bytes = 1ULL << 40;
  message.paths.log = "/state/logs/0/9.log";
  message.repository.full_name = "o/r";
  message.actions.sources = {"https://github.com", "/mirrors"};
  message.actions.pinning = core::config::Pinning::full_sha;
  message.actions.refresh = std::chrono::seconds(7);
  message.actions.node = {{"node20", "/opt/node/bin/node"}};
  message.created_at = core::Timestamp(std::chrono::milliseconds(1'800'000'000'123));
  return message;
}

}  // namespace

TEST_CASE("a job message survives encoding and decoding") {
  const auto decoded = proto::decode_job_message(proto::encode(sample()));
  REQUIRE(decoded.has_value());
  CHECK(decoded->run.value == 7);
  CHECK(decoded->job_name == "build (gcc)");
  CHECK(decoded->github["sha"].string() == "abc");
  CHECK(decoded->matrix.is_null());
  CHECK(decoded->vars.at(0).first == "Mode");
  CHECK(decoded->secrets.at(0).second == "s3cret");
  CHECK(decoded->trust == proto::Trust::trusted);
  CHECK(decoded->timeout == std::chrono::minutes(12));
  CHECK(decoded->cancel_timeout == std::chrono::minutes(5));
  CHECK(decoded->sandbox.network == core::config::Network::internet);
  CHECK(decoded->sandbox.memory_bytes == 1ULL << 40);
  CHECK(decoded->created_at == sample().created_at);
  CHECK(decoded->actions.sources == sample().actions.sources);
  CHECK(decoded->actions.pinning == core::config::Pinning::full_sha);
  CHECK(decoded->actions.refresh == std::chrono::seconds(7));
  CHECK(decoded->actions.node == sample().actions.node);
}

TEST_CASE("a job message that names no trust is untrusted") {
  const auto decoded = proto::decode_job_message(
      R"({"protocol":1,"sandbox":{},"paths":{},"repository":{},"actions":{}})");
  REQUIRE(decoded.has_value());
  CHECK(decoded->trust == proto::Trust::untrusted);
  CHECK(decoded->sandbox.network == core::config::Network::none);
}

TEST_CASE("another version of the runner protocol is refused with both versions named") {
  auto message = sample();
  message.protocol = 99;
  const auto decoded = proto::decode_job_message(proto::encode(message));
  REQUIRE_FALSE(decoded.has_value());
  CHECK(decoded.error().message ==
        "reading the job message: it speaks version 99 of the protocol, this program version 1; "
        "install gantryd and gantry-runner of one release");
}

TEST_CASE("a field of a wrong type is refused by name") {
  const auto text = proto::decode_job_message(
      R"({"protocol":1,"job_key":4,"sandbox":{},"paths":{},"repository":{}})");
  REQUIRE_FALSE(text.has_value());
  CHECK(text.error().message == "reading 'job_key' of the job message: expected a string");
  const auto size = proto::decode_job_message(
      R"({"protocol":1,"sandbox":{"pids":-1},"paths":{},"repository":{}})");
  REQUIRE_FALSE(size.has_value());
  CHECK(size.error().message ==
        "reading 'pids' of the job message's sandbox: expected a number that is not negative");
}

TEST_CASE("a start line needs a socket and a folder") {
  proto::RunnerStart start;
  start.socket = "/run/gantry.sock";
  start.token = "t";
  start.job.value = 5;
  start.folder = "/state/jobs/5";
  const auto decoded = proto::decode_runner_start(proto::encode(start));
  REQUIRE(decoded.has_value());
  CHECK(decoded->job.value == 5);
  CHECK_FALSE(proto::decode_runner_start(R"({"protocol":1,"socket":"/s"})").has_value());
  CHECK_FALSE(proto::decode_runner_start("not json").has_value());
}

TEST_CASE("a start line may carry the job's message") {
  proto::RunnerStart start;
  start.socket = "/run/gantry.sock";
  start.folder = "/state/jobs/5";
  start.message = sample();
  const auto decoded = proto::decode_runner_start(proto::encode(start));
  REQUIRE(decoded.has_value());
  REQUIRE(decoded->message.has_value());
  CHECK(proto::encode(*decoded->message) == proto::encode(sample()));
  start.message->protocol = 99;
  CHECK_FALSE(proto::decode_runner_start(proto::encode(start)).has_value());
}

TEST_CASE("what a runner makes ready survives the way, and is told from a start line") {
  proto::RunnerPrepare prepare;
  prepare.folder = "/state/jobs/waiting-1";
  prepare.sandbox.pids = 7;
  prepare.sandbox.read_only_mounts = {"/opt/sdk"};
  prepare.agent_binary = "/libexec/gantry-agent";
  const std::string line = proto::encode(prepare);
  CHECK(proto::is_runner_prepare(line));
  const auto decoded = proto::decode_runner_prepare(line);
  REQUIRE(decoded.has_value());
  CHECK(proto::encode(*decoded) == line);
  CHECK(decoded->sandbox.pids == 7);
  proto::RunnerStart start;
  start.socket = "/run/gantry.sock";
  start.folder = "/state/jobs/5";
  CHECK_FALSE(proto::is_runner_prepare(proto::encode(start)));
  CHECK_FALSE(proto::decode_runner_prepare(R"({"prepare":true,"protocol":1})").has_value());
  CHECK_FALSE(proto::decode_runner_prepare("not json").has_value());
}
