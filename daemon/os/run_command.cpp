// SPDX-License-Identifier: MIT
#include "core/base/error.hpp"
#include "daemon/os/child.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>

namespace gantry::daemon::os {

namespace {

using Clock = std::chrono::steady_clock;

// False at the end of the stream.
bool drain(int fd, std::string& into, std::size_t limit_bytes) {
  char buffer[16384];
  const ssize_t n = ::read(fd, buffer, sizeof buffer);
  if (n < 0) return errno == EINTR || errno == EAGAIN;
  const std::size_t room = limit_bytes - std::min(limit_bytes, into.size());
  into.append(buffer, std::min(static_cast<std::size_t>(n), room));
  return n > 0;
}

}  // namespace

CommandResult run_command(SpawnOptions options, int timeout_ms, std::size_t limit_bytes) {
  CommandResult result;
  core::Pipe out = core::make_pipe();
  core::Pipe err = core::make_pipe();
  options.fds.push_back({out.write.get(), 1});
  options.fds.push_back({err.write.get(), 2});
  Child child = spawn(options);
  out.write.reset();
  err.write.reset();
  const Clock::time_point deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
  pollfd fds[] = {{out.read.get(), POLLIN, 0}, {err.read.get(), POLLIN, 0}};
  while (fds[0].fd >= 0 || fds[1].fd >= 0) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    const int ready = left <= 0 ? 0 : ::poll(fds, 2, static_cast<int>(left));
    if (ready < 0 && errno != EINTR) core::throw_errno("reading from '" + options.argv[0] + "'");
    if (ready == 0) {
      result.end = CommandResult::End::timed_out;
      if (!child.kill_group(SIGKILL)) child.kill(SIGKILL);
      break;
    }
    if (fds[0].revents != 0 && !drain(fds[0].fd, result.out, limit_bytes)) fds[0].fd = -1;
    if (fds[1].revents != 0 && !drain(fds[1].fd, result.err, limit_bytes)) fds[1].fd = -1;
  }
  // It may have closed its streams and live on.
  pollfd ended{child.pidfd(), POLLIN, 0};
  while (!child.try_wait()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) {
      result.end = CommandResult::End::timed_out;
      if (!child.kill_group(SIGKILL)) child.kill(SIGKILL);
      child.wait();
    } else {
      ::poll(&ended, 1, static_cast<int>(left));
    }
  }
  result.status = *child.status();
  return result;
}

}  // namespace gantry::daemon::os
