// SPDX-License-Identifier: MIT
#include "daemon/runner/sandbox/listener.hpp"

#include "core/base/error.hpp"
#include "daemon/runner/sandbox/sandbox.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstring>

namespace gantry::daemon::runner {
namespace {

constexpr const char* kDoing = "listening in the sandbox";

bool is_listening_socket(int fd) {
  int listening = 0;
  socklen_t size = sizeof listening;
  return ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening != 0;
}

}  // namespace

core::UniqueFd make_listener_channel(core::UniqueFd& agent_end) {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) core::throw_errno(kDoing);
  core::UniqueFd ours(ends[0]);
  agent_end.reset(ends[1]);
  if (::fcntl(ours.get(), F_SETFL, O_NONBLOCK) != 0) core::throw_errno(kDoing);
  return ours;
}

core::UniqueFd take_listener(int reply) {
  std::int32_t number = 0;
  iovec part{&number, sizeof number};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char space[CMSG_SPACE(sizeof(int))] = {};
  message.msg_control = space;
  message.msg_controllen = sizeof space;
  const ssize_t size = ::recvmsg(reply, &message, MSG_CMSG_CLOEXEC);
  if (size < 0) core::throw_errno(kDoing);
  core::UniqueFd socket;
  const cmsghdr* const header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
      header->cmsg_len == CMSG_LEN(sizeof(int))) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
    socket.reset(fd);
  }
  if (size == sizeof number && number > 0) {
    throw core::Exception(core::errno_error(kDoing, number));
  }
  if (size != sizeof number || !socket || !is_listening_socket(socket.get())) {
    throw core::Exception(core::Errc::protocol,
                          std::string(kDoing) + ": its agent did not give a listening socket");
  }
  return socket;
}

}  // namespace gantry::daemon::runner
