// SPDX-License-Identifier: MIT
#include "daemon/runner/sandbox/control_socket.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace gantry::daemon::runner {

ControlSocket::ControlSocket(core::UniqueFd& agent_end) {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    core::throw_errno("making the sandbox's control socket");
  }
  fd_.reset(ends[0]);
  agent_end.reset(ends[1]);
  // Ours alone: the agent writes small frames and may wait.
  if (::fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) {
    core::throw_errno("making the sandbox's control socket");
  }
}

void ControlSocket::send(const proto::agent::Request& request, const std::vector<int>& fds) {
  Outgoing outgoing;
  outgoing.bytes = core::or_throw(proto::agent::encode(request), "talking to the sandbox");
  if (!held_ && waiting_.empty() && send_some(outgoing, fds)) return;
  if (outgoing.sent == 0) {
    for (const int fd : fds) {
      outgoing.fds.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
      if (!outgoing.fds.back()) core::throw_errno("talking to the sandbox");
    }
  }
  waiting_.push_back(std::move(outgoing));
}

void ControlSocket::release() {
  held_ = false;
  flush();
}

void ControlSocket::flush() {
  while (!held_ && !waiting_.empty()) {
    Outgoing& first = waiting_.front();
    std::vector<int> fds;
    for (const core::UniqueFd& fd : first.fds)
      fds.push_back(fd.get());
    if (!send_some(first, fds)) return;
    waiting_.pop_front();
  }
}

// True when all of it is gone.
bool ControlSocket::send_some(Outgoing& outgoing, const std::vector<int>& fds) {
  while (outgoing.sent < outgoing.bytes.size()) {
    iovec part{outgoing.bytes.data() + outgoing.sent, outgoing.bytes.size() - outgoing.sent};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    alignas(cmsghdr) char space[CMSG_SPACE(2 * sizeof(int))] = {};
    if (outgoing.sent == 0 && !fds.empty()) {
      message.msg_control = space;
      message.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
      cmsghdr* header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
      std::memcpy(CMSG_DATA(header), fds.data(), fds.size() * sizeof(int));
    }
    const ssize_t n = ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
    if (n >= 0) {
      outgoing.sent += static_cast<std::size_t>(n);
    } else if (errno == EAGAIN) {
      return false;
    } else if (errno == EPIPE || errno == ECONNRESET || errno == EBADF) {
      return true;  // the end of the sandbox is told by its process
    } else if (errno != EINTR) {
      core::throw_errno("talking to the sandbox");
    }
  }
  return true;
}

core::Result<ControlSocket::State> ControlSocket::receive() {
  char bytes[4096];
  for (;;) {
    // Without room for descriptors the kernel drops what a hostile sender adds.
    const ssize_t n = ::recv(fd_.get(), bytes, sizeof bytes, 0);
    if (n > 0) {
      incoming_.append(std::string_view(bytes, static_cast<std::size_t>(n)));
      return State::open;
    }
    if (n == 0 || errno == ECONNRESET) return State::closed;
    if (errno == EAGAIN) return State::open;
    if (errno != EINTR) return core::fail(core::errno_error("reading from the sandbox", errno));
  }
}

core::Result<std::optional<proto::agent::Reply>> ControlSocket::next_reply() {
  TRY(auto payload, incoming_.next());
  if (!payload) return std::optional<proto::agent::Reply>();
  TRY(auto reply, proto::agent::decode_reply(*payload));
  return std::optional<proto::agent::Reply>(reply);
}

}  // namespace gantry::daemon::runner
