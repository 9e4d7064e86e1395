// SPDX-License-Identifier: MIT
#include "daemon/os/systemd.hpp"

#include "core/base/log.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>

namespace gantry::daemon::os {

namespace {

std::optional<long long> number_in(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr) return std::nullopt;
  long long value = 0;
  const char* end = text + std::strlen(text);
  const auto parsed = std::from_chars(text, end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return value;
}

std::string one_line(std::string_view text) {
  std::string line(text);
  for (char& c : line) {
    if (c == '\n') c = ' ';
  }
  return line;
}

}  // namespace

ServiceNotifier ServiceNotifier::from_environment() {
  const char* address = std::getenv("NOTIFY_SOCKET");
  std::optional<std::chrono::microseconds> watchdog;
  const auto usec = number_in("WATCHDOG_USEC");
  const auto pid = number_in("WATCHDOG_PID");
  if (usec && *usec > 0 && (!pid || *pid == ::getpid())) watchdog.emplace(*usec / 2);
  ServiceNotifier notifier(address != nullptr ? address : "", watchdog);
  for (const char* variable : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) {
    ::unsetenv(variable);
  }
  return notifier;
}

ServiceNotifier::ServiceNotifier(std::string socket_address,
                                 std::optional<std::chrono::microseconds> watchdog)
    : address_(std::move(socket_address)), watchdog_(watchdog) {
  const bool usable = address_.starts_with('/') || address_.starts_with('@');
  if (address_.empty() || (usable && address_.size() < sizeof(sockaddr_un::sun_path))) {
    if (active()) socket_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    return;
  }
  core::log::warn("service manager's socket address not understood", {{"address", address_}});
  address_.clear();
}

void ServiceNotifier::ready(std::string_view status) const {
  send("READY=1\nSTATUS=" + one_line(status));
}

void ServiceNotifier::reloading() const {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const long long usec = now.tv_sec * 1000000LL + now.tv_nsec / 1000;
  send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(usec));
}

void ServiceNotifier::stopping(std::string_view status) const {
  send("STOPPING=1\nSTATUS=" + one_line(status));
}

void ServiceNotifier::status(std::string_view text) const {
  send("STATUS=" + one_line(text));
}

void ServiceNotifier::watchdog() const {
  send("WATCHDOG=1");
}

void ServiceNotifier::send(std::string_view message) const {
  if (!active()) return;
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, address_.data(), address_.size());
  // '@' stands for the NUL of an abstract address, which has no end mark.
  const bool abstract = address_[0] == '@';
  if (abstract) to.sun_path[0] = '\0';
  const std::size_t length = offsetof(sockaddr_un, sun_path) + address_.size() + (abstract ? 0 : 1);
  const ssize_t sent =
      ::sendto(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&to), static_cast<socklen_t>(length));
  if (sent < 0) core::log::warn("service manager not told", {{"why", std::strerror(errno)}});
}

}  // namespace gantry::daemon::os
