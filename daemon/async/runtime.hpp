// SPDX-License-Identifier: MIT
// The loop thread, the pool for blocking work, and owned background tasks. Everything here is
// used from the loop thread, except Runtime::stop and the functions given to offload.
#pragma once

#include "daemon/async/offload.hpp"
#include "daemon/async/task.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

namespace gantry::daemon::async {

using Duration = std::chrono::steady_clock::duration;

// Owns the loop and the pool. Threads of the pool start with the first offload.
class Runtime {
 public:
  explicit Runtime(std::size_t pool_threads = 2);
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;
  ~Runtime();  // joins the pool

  asio::any_io_executor executor() { return loop_.get_executor(); }
  asio::thread_pool& pool();
  void run();   // until stop(), or until nothing is left to do
  void stop();  // from any thread; run() returns soon

 private:
  asio::io_context loop_{1};
  std::size_t pool_threads_;
  std::unique_ptr<asio::thread_pool> pool_;
};

// Owns background tasks. A task ends by itself, by cancel(), or with the loop; what escapes it is
// logged as an error with its name, never lost, and ends only that task. Close it before
// destroying it while the loop still runs.
class TaskGroup {
 public:
  explicit TaskGroup(asio::any_io_executor executor);
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;
  ~TaskGroup();  // cancels what is left

  void spawn(std::string name, Task<> task);
  void cancel();  // asks every task to end
  std::size_t size() const;
  Task<> join();   // waits until the group is empty
  Task<> close();  // cancel() and join()

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with the tasks' completion handlers
};

// Wakes waiting tasks. A notify that finds nobody waiting is remembered for the next wait.
class Wakeup {
 public:
  explicit Wakeup(const asio::any_io_executor& executor);
  void notify();  // wakes everyone
  Task<> wait();
  Task<> wait_until(std::chrono::steady_clock::time_point limit);  // returns at the limit too

 private:
  asio::steady_timer timer_;
  std::size_t waiting_ = 0;
  bool pending_ = false;
};

Task<> sleep_for(Duration duration);

// Calls Loop functions from the outside: runs `task` on the runtime to its end and rethrows.
void run_to_end(Runtime& runtime, Task<> task);

}  // namespace gantry::daemon::async
