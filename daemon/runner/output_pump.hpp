// SPDX-License-Identifier: MIT
// The pipe one step writes to and its way into the log. Background processes of the step may hold
// it for longer; it is read until nobody does. Used from the loop thread.
#pragma once

#include "core/base/unique_fd.hpp"
#include "daemon/async/task.hpp"
#include "daemon/runner/step_output.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>

namespace gantry::daemon::runner {

class OutputPump {
 public:
  // `on_progress` is called after every portion, when it is in the log file.
  OutputPump(const async::asio::any_io_executor& executor, JobLog& log,
             StepOutput::OnCommand on_command, StepOutput::WantsAll wants_all,
             std::function<void()> on_progress);

  int write_fd() const { return write_end_.get(); }
  void close_write_end() { write_end_.reset(); }

  async::Task<> run();  // until nobody holds the pipe; this must live on until then
  bool is_running() const { return is_running_; }
  void drain();  // takes what is in the pipe now
  bool at_end() const { return at_end_; }

 private:
  enum class Found { nothing, some, much };
  Found read_portion();
  void end();

  async::asio::posix::stream_descriptor read_end_;
  core::UniqueFd write_end_;
  async::asio::steady_timer pause_;
  JobLog& log_;
  std::unique_ptr<StepOutput> output_;
  std::function<void()> on_progress_;
  bool at_end_ = false;
  bool is_running_ = false;
};

}  // namespace gantry::daemon::runner
