// SPDX-License-Identifier: MIT
// The service manager's notification protocol (datagrams to $NOTIFY_SOCKET), without libsystemd.
// Without a service manager every call does nothing.
#pragma once

#include "core/base/unique_fd.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace gantry::daemon::os {

class ServiceNotifier {
 public:
  // Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID and removes them from our environment,
  // so no child can speak for us. Call before any thread starts.
  static ServiceNotifier from_environment();
  explicit ServiceNotifier(std::string socket_address = {},
                           std::optional<std::chrono::microseconds> watchdog = {});

  bool active() const { return !address_.empty(); }
  // How often to call watchdog(): half of what the manager allows. Empty: not wanted.
  std::optional<std::chrono::microseconds> watchdog_interval() const { return watchdog_; }

  void ready(std::string_view status) const;
  void reloading() const;  // followed by ready()
  void stopping(std::string_view status) const;
  void status(std::string_view text) const;
  void watchdog() const;

 private:
  // Best effort: a lost notification is logged, never thrown.
  void send(std::string_view message) const;

  std::string address_;
  std::optional<std::chrono::microseconds> watchdog_;
  core::UniqueFd socket_;
};

}  // namespace gantry::daemon::os
