// SPDX-License-Identifier: MIT
#include "daemon/runner/nursery.hpp"

#include "core/base/error.hpp"
#include "core/workflow/workflow.hpp"
#include "daemon/runner/job_sandbox.hpp"

#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

namespace gantry::daemon::runner {
namespace {

constexpr int kSocket = STDIN_FILENO;

struct Given {
  core::UniqueFd input;
  core::UniqueFd lock;
};

// Nothing when there is nobody any more who sends.
std::optional<Given> receive() {
  char byte = 0;
  iovec part{&byte, 1};
  alignas(cmsghdr) char space[CMSG_SPACE(2 * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = space;
  message.msg_controllen = sizeof space;
  ssize_t got = -1;
  do {
    got = ::recvmsg(kSocket, &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  const cmsghdr* header = got > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS) return std::nullopt;
  int fds[2] = {-1, -1};
  if (header->cmsg_len != CMSG_LEN(sizeof fds)) return std::nullopt;
  std::memcpy(fds, CMSG_DATA(header), sizeof fds);
  return Given{core::UniqueFd(fds[0]), core::UniqueFd(fds[1])};
}

// fork(), but as a child of our parent. glibc does not know of it and takes this thread's number
// for the old one; only raise() would ask for that.
pid_t fork_sibling() {
  return static_cast<pid_t>(::syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0));
}

// What is made at first use is then made already in each runner.
void warm_up() {
  cgroups_here();
  look_at_host_root();
  static_cast<void>(
      core::workflow::parse_job("", "on: push\njobs: {a: {runs-on: a, steps: [{run: a}]}}\n", "a"));
}

}  // namespace

std::optional<core::UniqueFd> serve_nursery() {
  warm_up();
  while (std::optional<Given> given = receive()) {
    pid_t pid = fork_sibling();
    if (pid == 0) {
      ::setsid();
      if (::dup2(given->input.get(), STDIN_FILENO) < 0) core::throw_errno("taking standard input");
      return std::move(given->lock);
    }
    if (pid < 0) pid = -errno;
    if (::send(kSocket, &pid, sizeof pid, MSG_NOSIGNAL) < 0) break;
  }
  return std::nullopt;
}

}  // namespace gantry::daemon::runner
