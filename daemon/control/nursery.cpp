// SPDX-License-Identifier: MIT
#include "daemon/control/nursery.hpp"

#include "core/base/error.hpp"
#include "core/base/log.hpp"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace gantry::daemon::control {
namespace {

constexpr const char* kDoing = "forking a runner";
constexpr timeval kPatience{2, 0};

void send_descriptor(int socket, int fd) {
  char byte = 0;
  iovec part{&byte, 1};
  alignas(cmsghdr) char space[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = space;
  message.msg_controllen = sizeof space;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  if (::sendmsg(socket, &message, MSG_NOSIGNAL) != 1) core::throw_errno(kDoing);
}

}  // namespace

os::Child Nursery::execute(const core::UniqueFd& input, std::optional<std::string> argument) const {
  os::SpawnOptions options;
  options.argv = {runner_.string()};
  if (argument) options.argv.push_back(std::move(*argument));
  options.env = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                 "LANG=C.UTF-8"};
  options.session = os::Session::session;
  options.fds.push_back(os::FdMapping{input.get(), 0});
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
  process_ = execute(other, "nursery");
}

os::Child Nursery::fork_runner(const core::UniqueFd& input) {
  if (!process_ || process_.try_wait()) open();
  send_descriptor(socket_.get(), input.get());
  pid_t pid = 0;
  if (::recv(socket_.get(), &pid, sizeof pid, 0) != sizeof pid) core::throw_errno(kDoing);
  if (pid <= 0) throw core::Exception(core::errno_error(kDoing, -pid));
  // Our own child, so that the number is its until we have waited for it.
  core::UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) core::throw_errno(kDoing);
  return os::Child(pid, std::move(pidfd));
}

Nursery::Runner Nursery::start_runner() {
  try {
    if (is_usable_) {
      core::Pipe pipe = core::make_pipe();
      os::Child child = fork_runner(pipe.read);
      return {std::move(child), std::move(pipe.write)};
    }
  } catch (const core::Exception& exception) {
    core::log::warn("runners are not forked but executed", {{"why", exception.what()}});
    is_usable_ = false;
    close();
  }
  // Another pipe: with the first one's end, a runner forked too late ends at once.
  core::Pipe pipe = core::make_pipe();
  os::Child child = execute(pipe.read, std::nullopt);
  return {std::move(child), std::move(pipe.write)};
}

void Nursery::close() {
  process_ = os::Child();
  socket_.reset();
}

}  // namespace gantry::daemon::control
