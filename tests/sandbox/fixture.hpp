// SPDX-License-Identifier: MIT
// A real sandbox with the default root, driven by poll.
#pragma once

#include "core/base/files.hpp"
#include "daemon/runner/sandbox/sandbox.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gantry::tests {

namespace runner = daemon::runner;

struct Outcome {
  std::string output;
  std::optional<daemon::os::ExitStatus> status;  // empty: it did not start, or the sandbox ended
  std::string problem;
};

class SandboxFixture {
 public:
  SandboxFixture();

  // To be changed before start().
  core::run::HostRootOptions options;
  runner::BubblewrapConfig config;
  std::function<void(core::run::SandboxSpec&)> change_spec;

  std::filesystem::path home() const { return job_.path() / "home"; }
  std::filesystem::path tmp() const { return job_.path() / "tmp"; }

  void start();
  void use(std::unique_ptr<runner::Sandbox> sandbox) { sandbox_ = std::move(sandbox); }
  runner::Sandbox& sandbox() { return *sandbox_; }
  void close();

  // A step to its end; fails the test after a minute.
  Outcome run(std::vector<std::string> argv);
  Outcome shell(const std::string& script) { return run({"/bin/bash", "-c", script}); }
  // tests/sandbox/probe.cpp inside.
  std::string probe(std::vector<std::string> arguments);

  // The parts of run(), for tests that do something meanwhile.
  runner::StepHandle begin(std::vector<std::string> argv);
  Outcome finish(runner::StepHandle step);
  // Until the running step has written `text`.
  void wait_for_output(const std::string& text);
  // Until no process is left inside but the agent (the killed need a moment to leave).
  void wait_until_alone();
  // The next event, whatever it is.
  runner::SandboxEvent wait_for_event();

 private:
  void pump(int timeout_ms);

  core::TempDir job_;
  std::unique_ptr<runner::Sandbox> sandbox_;
  core::UniqueFd output_;
  std::string text_;
  std::vector<runner::SandboxEvent> events_;
};

// Says why and returns true where no sandbox can be made.
bool skip_without_sandbox();

}  // namespace gantry::tests
