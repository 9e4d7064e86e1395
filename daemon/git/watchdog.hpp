// SPDX-License-Identifier: MIT
// Ends gantry-git when the network stalls: libgit2 1.5 has no time-outs of its own, and a thread
// blocked in it cannot be interrupted. The answer is written before the end.
#pragma once

#include "core/base/error.hpp"

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace gantry::daemon::git {

class Watchdog {
 public:
  using Clock = std::chrono::steady_clock;
  // `give_up` is called on the watchdog's thread and must not return.
  Watchdog(std::chrono::milliseconds limit, std::function<void(const core::Error&)> give_up);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // From now on touch() must be called within every `limit`, until disarm().
  void arm(std::string doing);
  void touch();
  void disarm();

 private:
  void watch();

  std::chrono::milliseconds limit_;
  std::function<void(const core::Error&)> give_up_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool armed_ = false;
  bool ending_ = false;
  Clock::time_point last_;
  std::string doing_;
  std::thread thread_;
};

// Armed for a scope.
class Watched {
 public:
  Watched(Watchdog& watchdog, std::string doing) : watchdog_(watchdog) {
    watchdog_.arm(std::move(doing));
  }
  ~Watched() { watchdog_.disarm(); }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;

 private:
  Watchdog& watchdog_;
};

}  // namespace gantry::daemon::git
