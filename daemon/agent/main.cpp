// SPDX-License-Identifier: MIT
// gantry-agent: pid 1 of a job's sandbox. Starts step processes as gantry-runner asks for over the
// control socket (fd 3), reaps everything, reports. It dies with the socket, and the kernel then
// kills the pid namespace. Static and without exceptions: it is executed once for each job.
//
// What runs beside it is hostile and has its uid. So it is not dumpable (no ptrace, no /proc/1/fd),
// and being pid 1 without handlers no signal from inside reaches it.
#include "daemon/agent/block_routes.hpp"
#include "daemon/agent/listen.hpp"
#include "daemon/agent/steps.hpp"
#include "proto/agent_frames.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace gantry::daemon::agent {

namespace {

constexpr int kControl = 3;
constexpr std::size_t kMaxFds = 8;

[[noreturn]] void die(const char* doing) {
  std::fprintf(stderr, "gantry-agent: %s: %s\n", doing, std::strerror(errno));
  ::_exit(1);
}

// Steps are to die of memory before the agent does; children inherit the score. Best effort.
void prefer_steps_for_oom() {
  const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  [[maybe_unused]] const ssize_t written = ::write(fd, "500", 3);
  ::close(fd);
}

// Counted in the job's own user namespace (Linux 5.14): a bound also where there is no control
// group.
void limit_processes(const char* text) {
  rlimit limit{};
  limit.rlim_cur = limit.rlim_max = std::strtoul(text, nullptr, 10);
  if (limit.rlim_cur == 0 || ::setrlimit(RLIMIT_NPROC, &limit) != 0) die("limiting processes");
}

void prepare_process() {
  prefer_steps_for_oom();
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) die("making itself undumpable");
  if (::close_range(kControl + 1, ~0U, 0) != 0) die("closing inherited descriptors");
  if (::fcntl(kControl, F_SETFD, FD_CLOEXEC) != 0) die("taking the control socket");
  // glibc's posix_spawn leaves its two internal signals ignored, for us and all who inherit.
  const unsigned char by_default[64] = {};
  for (const int signo : {32, 33}) {
    ::syscall(SYS_rt_sigaction, signo, by_default, nullptr, sizeof(std::uint64_t));
  }
  ::umask(022);
  // One byte is the value at which the kernel does not start the host's core dump program either.
  const rlimit core{1, 1};
  ::setrlimit(RLIMIT_CORE, &core);
}

// A signalfd for the end of children; every signal is blocked.
int watch_children() {
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  sigset_t child;
  ::sigemptyset(&child);
  ::sigaddset(&child, SIGCHLD);
  const int fd = ::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0) die("watching children");
  return fd;
}

void send_reply(const proto::agent::Reply& reply) {
  const std::string frame = proto::agent::encode(reply);
  std::size_t sent = 0;
  while (sent < frame.size()) {
    const ssize_t n = ::send(kControl, frame.data() + sent, frame.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) ::_exit(0);  // the runner is gone
    sent += static_cast<std::size_t>(n);
  }
}

class Control {
 public:
  // False when the runner has closed it.
  bool receive() {
    static char bytes[64 << 10];
    alignas(cmsghdr) char space[CMSG_SPACE(kMaxFds * sizeof(int))];
    iovec part{bytes, sizeof bytes};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = space;
    message.msg_controllen = sizeof space;
    const ssize_t n = ::recvmsg(kControl, &message, MSG_CMSG_CLOEXEC);
    if (n < 0) return errno == EINTR;
    take_fds(message);
    buffer_.append(std::string_view(bytes, static_cast<std::size_t>(n)));
    return n > 0;
  }

  // Handles every whole frame; false: the agent is to end.
  bool handle(Steps& steps) {
    for (;;) {
      const auto payload = buffer_.next();
      if (!payload) return complain(payload.error());
      if (!payload->has_value()) return true;
      const auto request = proto::agent::decode_request(**payload);
      if (!request) return complain(request.error());
      if (std::holds_alternative<proto::agent::Bye>(*request)) return false;
      if (const auto* start = std::get_if<proto::agent::Start>(&*request)) {
        if (fds_.size() < start->descriptors) return complain({{}, "a start without descriptors"});
        send_reply(steps.start(*start, fds_.data()));
        drop_fds(start->descriptors);
      } else if (std::holds_alternative<proto::agent::Listen>(*request)) {
        if (fds_.empty()) return complain({{}, "a listen without a descriptor"});
        send_listener(fds_.front());
        drop_fds(1);
      } else if (const auto* signal = std::get_if<proto::agent::Signal>(&*request)) {
        steps.signal(*signal);
      }
    }
  }

 private:
  void take_fds(msghdr& message) {
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
      if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
      const std::size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (std::size_t i = 0; i < count; ++i) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
        fds_.push_back(fd);
      }
    }
  }
  void drop_fds(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
      ::close(fds_[i]);
    fds_.erase(fds_.begin(), fds_.begin() + static_cast<std::ptrdiff_t>(count));
  }
  bool complain(const core::Error& error) {
    std::fprintf(stderr, "gantry-agent: %s\n", error.message.c_str());
    return false;
  }

  proto::agent::FrameBuffer buffer_{proto::agent::kMaxRequestBytes};
  std::vector<int> fds_;
};

[[noreturn]] void run() {
  prepare_process();
  const int children = watch_children();
  send_reply(proto::agent::Hello());
  Steps steps;
  Control control;
  pollfd fds[] = {{kControl, POLLIN, 0}, {children, POLLIN, 0}};
  for (;;) {
    if (::poll(fds, 2, -1) < 0 && errno != EINTR) die("waiting");
    if (fds[1].revents != 0) {
      signalfd_siginfo info;
      while (::read(children, &info, sizeof info) > 0) {
      }
      while (const auto exited = steps.reap()) {
        if (exited->step != 0) send_reply(*exited);
      }
    }
    if (fds[0].revents != 0 && !(control.receive() && control.handle(steps))) ::_exit(0);
  }
}

}  // namespace

}  // namespace gantry::daemon::agent

int main(int argc, char** argv) {
  if (argc >= 2 && std::strcmp(argv[1], "--version") == 0) {
    std::printf("gantry-agent %s\n", GANTRY_VERSION);
    return 0;
  }
  if (argc >= 2 && std::strcmp(argv[1], "block-routes") == 0) {
    return gantry::daemon::agent::block_routes(argc - 2, argv + 2);
  }
  if (argc == 3 && std::strcmp(argv[1], "--processes") == 0) {
    gantry::daemon::agent::limit_processes(argv[2]);
  } else if (argc != 1) {
    std::fprintf(stderr, "gantry-agent: started by gantry-runner inside a sandbox, not by hand\n");
    return 2;
  }
  gantry::daemon::agent::run();
}
