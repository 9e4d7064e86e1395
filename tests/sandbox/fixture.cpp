// SPDX-License-Identifier: MIT
#include "tests/sandbox/fixture.hpp"

#include "tests/support/unprivileged.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>

namespace gantry::tests {

namespace {

constexpr int kStepTimeoutMs = 60000;

}  // namespace

bool skip_without_sandbox() {
  static const std::string reason = why_no_sandbox();
  if (!reason.empty()) MESSAGE("skipped: " << reason);
  return !reason.empty();
}

SandboxFixture::SandboxFixture() {
  std::filesystem::create_directories(home());
  std::filesystem::create_directories(tmp());
  options.home = home();
  options.tmp = tmp();
  config.agent = GANTRY_BIN_DIR "/gantry-agent";
  config.name = "job-" + std::to_string(::getpid());
}

void SandboxFixture::start() {
  options.resolv_conf = runner::resolv_conf_for(options.network);
  core::run::SandboxSpec spec = core::run::host_root_sandbox(runner::host_root(), options);
  spec.mounts.push_back(
      {core::run::Mount::Kind::read_only, GANTRY_BIN_DIR "/sandbox_probe", "/run/probe"});
  if (change_spec) change_spec(spec);
  sandbox_ = runner::start_bubblewrap(spec, config);
}

void SandboxFixture::close() {
  sandbox_->close();
  sandbox_.reset();
}

runner::StepHandle SandboxFixture::begin(std::vector<std::string> argv) {
  core::Pipe pipe = core::make_pipe();
  ::fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK);
  runner::StepRequest request;
  request.argv = std::move(argv);
  request.env = {"PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/go/bin", "HOME=/home/runner",
                 "LANG=C.UTF-8"};
  request.cwd = "/home/runner";
  request.stdout_fd = pipe.write.get();
  output_ = std::move(pipe.read);
  text_.clear();
  return sandbox_->start_step(request);
}

void SandboxFixture::pump(int timeout_ms) {
  pollfd fds[] = {{sandbox_->event_fd(), POLLIN, 0}, {output_.get(), POLLIN, 0}};
  ::poll(fds, 2, timeout_ms);
  while (auto event = sandbox_->next_event())
    events_.push_back(std::move(*event));
  char buffer[65536];
  ssize_t n = 0;
  while (output_ && (n = ::read(output_.get(), buffer, sizeof buffer)) > 0) {
    text_.append(buffer, static_cast<std::size_t>(n));
  }
  if (n == 0) output_.reset();
}

runner::SandboxEvent SandboxFixture::wait_for_event() {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (events_.empty()) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    pump(kStepTimeoutMs);
  }
  runner::SandboxEvent event = std::move(events_.front());
  events_.erase(events_.begin());
  return event;
}

Outcome SandboxFixture::finish(runner::StepHandle step) {
  Outcome outcome;
  for (bool ended = false; !ended;) {
    const runner::SandboxEvent event = wait_for_event();
    if (const auto* exited = std::get_if<runner::StepExited>(&event)) {
      ended = exited->step == step;
      if (ended) outcome.status = exited->status;
    } else if (const auto* failed = std::get_if<runner::StepNotStarted>(&event)) {
      ended = failed->step == step;
      outcome.problem = failed->message;
    } else if (const auto* gone = std::get_if<runner::SandboxEnded>(&event)) {
      ended = true;
      outcome.problem = gone->message;
    }
  }
  pump(0);
  output_.reset();
  outcome.output = text_;
  return outcome;
}

Outcome SandboxFixture::run(std::vector<std::string> argv) {
  return finish(begin(std::move(argv)));
}

std::string SandboxFixture::probe(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "/run/probe");
  const Outcome outcome = run(std::move(arguments));
  CHECK(outcome.problem == "");
  return outcome.output;
}

void SandboxFixture::wait_until_alone() {
  const Outcome outcome = shell("while set -- /proc/[0-9]*; [ $# -gt 2 ]; do :; done; echo alone");
  CHECK(outcome.output == "alone\n");
}

void SandboxFixture::wait_for_output(const std::string& text) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (text_.find(text) == std::string::npos) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    pump(kStepTimeoutMs);
  }
}

}  // namespace gantry::tests
