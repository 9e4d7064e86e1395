// SPDX-License-Identifier: MIT
// Runs processes of steps in the job's sandbox and stops them when they must end. Used from the
// loop thread.
#pragma once

#include "daemon/async/runtime.hpp"
#include "daemon/runner/sandbox/sandbox.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>

namespace gantry::daemon::runner {

using SteadyTime = std::chrono::steady_clock::time_point;

enum class StopReason { none, timed_out, cancelled, over_limit };

// How a step is ended: each signal, then so long for the next one.
struct KillLadder {
  std::chrono::milliseconds interrupt{7500};
  std::chrono::milliseconds terminate{2500};
};

struct ProcessEnd {
  std::optional<os::ExitStatus> status;  // empty: it never ran, `problem` says why
  std::string problem;
  StopReason stopped = StopReason::none;
  bool sandbox_ended = false;
};

class StepProcesses {
 public:
  StepProcesses(const async::asio::any_io_executor& executor, KillLadder ladder);

  void use(std::unique_ptr<Sandbox> sandbox) { sandbox_ = std::move(sandbox); }
  bool has_sandbox() const { return sandbox_ != nullptr; }
  bool ended() const { return ended_.has_value(); }  // the sandbox is gone
  const Sandbox& sandbox() const { return *sandbox_; }
  core::UniqueFd listen() { return sandbox_->listen(); }  // see Sandbox
  async::Task<> watch();  // background: takes the sandbox's events until it ends
  // The answer may change with each wake(); from the first that is not `none` on the step is ended.
  using Judge = std::function<StopReason()>;
  // `deadline`: when to ask `judge` again at the latest.
  async::Task<ProcessEnd> run(const StepRequest& request, Judge judge,
                              std::optional<SteadyTime> deadline);
  void wake() { wake_.notify(); }
  // No more patience: every process in the sandbox ends now.
  void kill_all();
  void close();

 private:
  using End = std::variant<StepExited, StepNotStarted>;
  void take(SandboxEvent event);
  ProcessEnd end_of(StepHandle step);
  bool is_over(StepHandle step) const { return ends_.contains(step) || ended(); }

  async::asio::any_io_executor executor_;
  KillLadder ladder_;
  std::unique_ptr<Sandbox> sandbox_;
  async::Wakeup wake_;
  std::map<StepHandle, End> ends_;
  std::optional<SandboxEnded> ended_;
};

}  // namespace gantry::daemon::runner
