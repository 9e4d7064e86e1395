// SPDX-License-Identifier: MIT
#include "daemon/runner/step_process.hpp"

#include "core/base/error.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <fcntl.h>

#include <algorithm>
#include <csignal>

namespace gantry::daemon::runner {
namespace {

namespace asio = async::asio;
using std::chrono::steady_clock;

constexpr SteadyTime kNever = SteadyTime::max();

}  // namespace

StepProcesses::StepProcesses(const asio::any_io_executor& executor, KillLadder ladder)
    : executor_(executor), ladder_(ladder), wake_(executor) {}

async::Task<> StepProcesses::watch() {
  // Asio owns what it polls; the sandbox keeps its own.
  core::UniqueFd copy(::fcntl(sandbox_->event_fd(), F_DUPFD_CLOEXEC, 3));
  if (!copy) core::throw_errno("watching the sandbox");
  asio::posix::stream_descriptor events(executor_, copy.release());
  while (!ended()) {
    while (std::optional<SandboxEvent> event = sandbox_->next_event())
      take(std::move(*event));
    if (ended()) co_return;
    co_await events.async_wait(asio::posix::descriptor_base::wait_read, asio::use_awaitable);
  }
}

void StepProcesses::take(SandboxEvent event) {
  if (auto* exited = std::get_if<StepExited>(&event)) ends_[exited->step] = *exited;
  if (auto* refused = std::get_if<StepNotStarted>(&event)) ends_[refused->step] = *refused;
  if (auto* ended = std::get_if<SandboxEnded>(&event)) ended_ = std::move(*ended);
  wake_.notify();
}

ProcessEnd StepProcesses::end_of(StepHandle step) {
  ProcessEnd end;
  if (const auto found = ends_.find(step); found != ends_.end()) {
    if (const auto* exited = std::get_if<StepExited>(&found->second)) end.status = exited->status;
    if (const auto* refused = std::get_if<StepNotStarted>(&found->second)) {
      end.problem = refused->message;
    }
    ends_.erase(found);
    return end;
  }
  end.sandbox_ended = true;
  end.problem = ended_->why == SandboxEnded::Why::setup_failed
                    ? "The sandbox could not be set up: " + ended_->message
                    : "The sandbox ended while the step was running: " + ended_->message;
  return end;
}

async::Task<ProcessEnd> StepProcesses::run(const StepRequest& request, Judge judge,
                                           std::optional<SteadyTime> deadline) {
  if (ended()) co_return end_of(0);
  StepHandle step = 0;
  ProcessEnd refused;
  try {
    step = sandbox_->start_step(request);
  } catch (const core::Exception& exception) {
    const core::Errc code = exception.error().code;
    if (code != core::Errc::too_large && code != core::Errc::invalid) throw;
    refused.problem = exception.what();  // the request's fault, not the sandbox's
  }
  if (!refused.problem.empty()) co_return refused;
  StopReason stopped = StopReason::none;
  int next_signal = SIGINT;
  SteadyTime next_at = deadline.value_or(kNever);
  while (!is_over(step)) {
    if (stopped == StopReason::none) stopped = judge();
    const SteadyTime now = steady_clock::now();
    if (stopped != StopReason::none && (next_signal == SIGINT || now >= next_at)) {
      sandbox_->signal_step(step, next_signal);
      next_at = kNever;
      if (next_signal == SIGINT) next_at = now + ladder_.interrupt;
      if (next_signal == SIGTERM) next_at = now + ladder_.terminate;
      next_signal = next_signal == SIGINT ? SIGTERM : SIGKILL;
    }
    if (stopped == StopReason::none && now >= next_at) next_at = kNever;  // judged above
    if (next_at == kNever) {
      co_await wake_.wait();
    } else {
      co_await wake_.wait_until(next_at);
    }
  }
  ProcessEnd end = end_of(step);
  end.stopped = stopped;
  co_return end;
}

void StepProcesses::kill_all() {
  if (sandbox_ && !ended()) sandbox_->kill_all();
}

void StepProcesses::close() {
  if (sandbox_) sandbox_->close();
}

}  // namespace gantry::daemon::runner
