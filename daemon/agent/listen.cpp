// SPDX-License-Identifier: MIT
#include "daemon/agent/listen.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace gantry::daemon::agent {

namespace {

int listen_on_loopback() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
  if (::bind(fd, generic, sizeof address) == 0 && ::listen(fd, SOMAXCONN) == 0) return fd;
  const int number = errno;
  ::close(fd);
  errno = number;
  return -1;
}

}  // namespace

void send_listener(int reply) {
  const int fd = listen_on_loopback();
  std::int32_t number = fd < 0 ? errno : 0;
  iovec part{&number, sizeof number};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char space[CMSG_SPACE(sizeof(int))] = {};
  if (fd >= 0) {
    message.msg_control = space;
    message.msg_controllen = sizeof space;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  }
  // A runner that is gone needs no answer.
  [[maybe_unused]] const ssize_t sent = ::sendmsg(reply, &message, MSG_NOSIGNAL);
  if (fd >= 0) ::close(fd);
}

}  // namespace gantry::daemon::agent
