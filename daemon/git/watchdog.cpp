// SPDX-License-Identifier: MIT
#include "daemon/git/watchdog.hpp"

namespace gantry::daemon::git {

Watchdog::Watchdog(std::chrono::milliseconds limit, std::function<void(const core::Error&)> give_up)
    : limit_(limit), give_up_(std::move(give_up)), thread_([this] { watch(); }) {}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Watchdog::arm(std::string doing) {
  const std::lock_guard lock(mutex_);
  armed_ = true;
  last_ = Clock::now();
  doing_ = std::move(doing);
  changed_.notify_all();
}

void Watchdog::touch() {
  const std::lock_guard lock(mutex_);
  last_ = Clock::now();
}

void Watchdog::disarm() {
  const std::lock_guard lock(mutex_);
  armed_ = false;
}

void Watchdog::watch() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    if (!armed_) {
      changed_.wait(lock);
      continue;
    }
    const auto expires = last_ + limit_;
    if (Clock::now() < expires) {
      changed_.wait_until(lock, expires);
      continue;
    }
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(limit_).count();
    give_up_({core::Errc::timed_out,
              doing_ + ": nothing came for " + std::to_string(seconds) + " seconds"});
    return;
  }
}

}  // namespace gantry::daemon::git
