// SPDX-License-Identifier: MIT
#include "daemon/control/nursery.hpp"

#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "proto/runner_protocol.hpp"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace gantry::daemon::control {
namespace {

constexpr const char* kDoing = "forking a runner";
constexpr timeval kPatience{2, 0};
constexpr int kMostFailures = 3;  // it may have been killed; if it never works, nobody waits for it

void send_descriptors(int socket, std::array<int, 2> fds) {
  char byte = 0;
  iovec part{&byte, 1};
  alignas(cmsghdr) char space[CMSG_SPACE(sizeof fds)] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = space;
  message.msg_controllen = sizeof space;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fds);
  std::memcpy(CMSG_DATA(header), fds.data(), sizeof fds);
  if (::sendmsg(socket, &message, MSG_NOSIGNAL) != 1) core::throw_errno(kDoing);
}

}  // namespace

os::Child Nursery::execute(std::string role, std::vector<os::FdMapping> fds) const {
  os::SpawnOptions options;
  options.argv = {runner_.string(), std::move(role)};
  options.env = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                 "LANG=C.UTF-8"};
  options.session = os::Session::session;
  options.fds = std::move(fds);
  options.fds.push_back(os::FdMapping{2, 2});
  return os::spawn(options);
}

void Nursery::open() {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) core::throw_errno(kDoing);
  socket_.reset(ends[0]);
  const core::UniqueFd other(ends[1]);
  if (::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience) != 0) {
    core::throw_errno(kDoing);
  }
  process_ = execute("nursery", {{other.get(), 0}});
}

os::Child Nursery::fork_runner(const core::UniqueFd& input, const core::UniqueFd& lock) {
  if (!process_ || process_.try_wait()) open();
  send_descriptors(socket_.get(), {input.get(), lock.get()});
  pid_t pid = 0;
  if (::recv(socket_.get(), &pid, sizeof pid, 0) != sizeof pid) core::throw_errno(kDoing);
  if (pid <= 0) throw core::Exception(core::errno_error(kDoing, -pid));
  // Our own child, so that the number is its until we have waited for it.
  core::UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) core::throw_errno(kDoing);
  return os::Child(pid, std::move(pidfd));
}

Nursery::Runner Nursery::start_runner(const core::UniqueFd& lock) {
  try {
    if (failures_ < kMostFailures) {
      core::Pipe pipe = core::make_pipe();
      os::Child child = fork_runner(pipe.read, lock);
      failures_ = 0;
      return {std::move(child), std::move(pipe.write)};
    }
  } catch (const core::Exception& exception) {
    core::log::warn("runner not forked but executed", {{"why", exception.what()}});
    ++failures_;
    close();
  }
  // Another pipe: with the first one's end, a runner forked too late ends at once.
  core::Pipe pipe = core::make_pipe();
  os::Child child = execute("locked", {{pipe.read.get(), 0}, {lock.get(), proto::kRunnerLockFd}});
  return {std::move(child), std::move(pipe.write)};
}

void Nursery::close() {
  process_ = os::Child();
  socket_.reset();
}

}  // namespace gantry::daemon::control
