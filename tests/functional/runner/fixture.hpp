// SPDX-License-Identifier: MIT
// A gantryd that only speaks the runner protocol, and a real gantry-runner with a real sandbox.
#pragma once

#include "core/base/files.hpp"
#include "daemon/async/runtime.hpp"
#include "daemon/http/server.hpp"
#include "daemon/os/child.hpp"
#include "proto/runner_events.hpp"
#include "proto/runner_protocol.hpp"

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace gantry::tests {

namespace fs = std::filesystem;

class FakeGantryd {
 public:
  FakeGantryd(fs::path socket, const proto::JobMessage& message);
  ~FakeGantryd();
  FakeGantryd(const FakeGantryd&) = delete;
  FakeGantryd& operator=(const FakeGantryd&) = delete;

  void start();
  void stop();  // gone: nobody listens
  void cancel();
  // Takes events but acknowledges nothing: the answer is lost.
  void forget_acknowledgements(bool forget);

  // Every event accepted once, in order.
  std::vector<proto::RunnerEvent> events();
  std::int64_t repeated();  // events that came more than once
  // Until `found` says so of all events so far; false after a minute.
  bool wait_for(const std::function<bool(const std::vector<proto::RunnerEvent>&)>& found);
  std::int64_t peak_kib();  // of the runner when its job was complete

 private:
  daemon::http::Router router();
  std::string take(std::string_view batch);
  void take_event(proto::RunnerEvent event);

  fs::path socket_;
  std::string job_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<proto::RunnerEvent> events_;
  std::int64_t repeated_ = 0;
  std::int64_t runner_pid_ = 0;
  std::int64_t peak_kib_ = 0;
  bool cancel_ = false;
  bool forget_ = false;
  struct Serving;
  std::unique_ptr<Serving> serving_;
};

// One job in a folder of its own. `steps` is the JSON of the job's steps (JSON is YAML).
class RunnerJob {
 public:
  explicit RunnerJob(const std::string& steps, const std::string& job_keys = "",
                     const std::string& workflow_keys = "");

  // To be changed before start().
  proto::JobMessage message;
  bool message_on_stdin = false;
  std::optional<proto::RunnerPrepare> ahead;  // the runner's first line, where it gets two
  void make_ahead();                          // makes it one that fits `message`

  void start();
  // Starts if need be; the runner's exit code when the job is complete and reported.
  int finish();
  FakeGantryd& gantryd() { return *gantryd_; }
  daemon::os::Child& child() { return child_; }
  fs::path folder() const { return state_.path() / "job"; }

  // Of the finished job.
  proto::JobCompleted completed();
  proto::StepChanged step(int number);  // its newest state
  std::vector<proto::JobAnnotation> annotations();
  std::string log();       // with stamps
  std::string log_text();  // without
  std::string log_of_step(int number);
  bool logged(const std::string& text) { return log_text().find(text) != std::string::npos; }
  // Until the log has `text`; false after a minute.
  bool wait_for_log(const std::string& text);

 private:
  core::TempDir state_;
  std::unique_ptr<FakeGantryd> gantryd_;
  daemon::os::Child child_;
};

// True as soon as it is; false after a minute.
bool comes_true(const std::function<bool()>& condition);

}  // namespace gantry::tests
