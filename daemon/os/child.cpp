// SPDX-License-Identifier: MIT
#include "daemon/os/child.hpp"

#include "core/base/error.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <utility>

namespace gantry::daemon::os {

namespace {

using core::UniqueFd;

ExitStatus from_siginfo(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) return {ExitStatus::Kind::exited, info.si_status};
  return {ExitStatus::Kind::signaled, info.si_status};
}

class FileActions {
 public:
  FileActions() { ::posix_spawn_file_actions_init(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  posix_spawn_file_actions_t* get() { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

class Attributes {
 public:
  explicit Attributes(Session session) {
    ::posix_spawnattr_init(&attributes_);
    unsigned flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    if (session == Session::session) flags |= POSIX_SPAWN_SETSID;
    if (session == Session::process_group) flags |= POSIX_SPAWN_SETPGROUP;
    ::posix_spawnattr_setflags(&attributes_, static_cast<short>(flags));
    sigset_t signals;
    ::sigemptyset(&signals);
    ::posix_spawnattr_setsigmask(&attributes_, &signals);
    ::sigfillset(&signals);
    ::posix_spawnattr_setsigdefault(&attributes_, &signals);
  }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  ~Attributes() { ::posix_spawnattr_destroy(&attributes_); }
  const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

void check(int error, std::string_view doing) {
  if (error != 0) throw core::Exception(core::errno_error(doing, error));
}

// Plans which descriptors the child has. Sources are first copied above every target, so that no
// mapping can overwrite the source of a later one.
std::vector<UniqueFd> plan_descriptors(const SpawnOptions& options, std::string_view doing,
                                       posix_spawn_file_actions_t* actions) {
  int highest = 2;
  for (const FdMapping& fd : options.fds)
    highest = std::max(highest, fd.target);
  std::vector<UniqueFd> copies;
  std::vector<bool> mapped(static_cast<std::size_t>(highest) + 1, false);
  for (const FdMapping& fd : options.fds) {
    UniqueFd copy(::fcntl(fd.source, F_DUPFD_CLOEXEC, highest + 1));
    if (!copy) core::throw_errno(doing);
    check(::posix_spawn_file_actions_adddup2(actions, copy.get(), fd.target), doing);
    mapped[static_cast<std::size_t>(fd.target)] = true;
    copies.push_back(std::move(copy));
  }
  for (int target = 0; target <= highest; ++target) {
    if (mapped[static_cast<std::size_t>(target)]) continue;
    if (target <= 2) {
      const int flags = target == 0 ? O_RDONLY : O_WRONLY;
      check(::posix_spawn_file_actions_addopen(actions, target, "/dev/null", flags, 0), doing);
    } else {
      check(::posix_spawn_file_actions_addclose(actions, target), doing);
    }
  }
  check(::posix_spawn_file_actions_addclosefrom_np(actions, highest + 1), doing);
  return copies;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  // posix_spawn takes char* const[] and does not write to it.
  for (const std::string& text : texts)
    result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

}  // namespace

std::string to_string(ExitStatus status) {
  if (status.kind == ExitStatus::Kind::exited) return "exit code " + std::to_string(status.value);
  const char* name = ::sigdescr_np(status.value);
  return "signal " + std::to_string(status.value) + " (" + (name ? name : "unknown") + ")";
}

ExitStatus from_wait_status(int wait_status) {
  if (WIFSIGNALED(wait_status)) return {ExitStatus::Kind::signaled, WTERMSIG(wait_status)};
  return {ExitStatus::Kind::exited, WEXITSTATUS(wait_status)};
}

Child::Child(Child&& other) noexcept {
  *this = std::move(other);
}

Child& Child::operator=(Child&& other) noexcept {
  if (this == &other) return *this;
  end();
  pid_ = std::exchange(other.pid_, -1);
  pidfd_ = std::move(other.pidfd_);
  status_ = std::exchange(other.status_, std::nullopt);
  return *this;
}

Child::~Child() {
  end();
}

void Child::end() noexcept {
  if (pid_ <= 0 || status_) return;
  if (!kill_group(SIGKILL)) kill(SIGKILL);
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED) < 0 && errno == EINTR) {
  }
}

// Waiting goes by number, which is ours until it is reaped: a pidfd that Asio has made non-blocking
// would not wait.
ExitStatus Child::wait() {
  while (!status_) {
    siginfo_t info{};
    if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED) == 0) {
      status_ = from_siginfo(info);
    } else if (errno != EINTR) {
      core::throw_errno("waiting for process '" + std::to_string(pid_) + "'");
    }
  }
  return *status_;
}

std::optional<ExitStatus> Child::try_wait() {
  if (status_) return status_;
  siginfo_t info{};
  if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG) != 0) {
    core::throw_errno("waiting for process '" + std::to_string(pid_) + "'");
  }
  if (info.si_pid != 0) status_ = from_siginfo(info);
  return status_;
}

bool Child::kill(int signo) const {
  return pidfd_ && !status_ &&
         ::syscall(SYS_pidfd_send_signal, pidfd_.get(), signo, nullptr, 0) == 0;
}

bool Child::kill_group(int signo) const {
  // The unreaped child keeps its number, and with it that of the group it leads, from being reused.
  return pid_ > 0 && !status_ && ::getpgid(pid_) == pid_ && ::kill(-pid_, signo) == 0;
}

core::UniqueFd Child::release() {
  pid_ = -1;
  return std::move(pidfd_);
}

Child spawn(const SpawnOptions& options) {
  const std::string program = options.argv.empty() ? "" : options.argv.front();
  const std::string doing = "starting '" + program + "'";
  if (program.empty()) throw core::Exception(core::Errc::invalid, doing + ": no program given");
  FileActions actions;
  const Attributes attributes(options.session);
  const std::vector<UniqueFd> copies = plan_descriptors(options, doing, actions.get());
  if (!options.cwd.empty()) {
    check(::posix_spawn_file_actions_addchdir_np(actions.get(), options.cwd.c_str()), doing);
  }
  const std::vector<char*> argv = pointers(options.argv);
  const std::vector<char*> env = pointers(options.env);
  pid_t pid = -1;
  check(::posix_spawnp(&pid, program.c_str(), actions.get(), attributes.get(), argv.data(),
                       env.data()),
        doing);
  // By number: the header of glibc 2.36 lacks the C linkage.
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) {
    const int error = errno;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    check(error, doing);
  }
  return Child(pid, std::move(pidfd));
}

std::vector<std::string> current_environment() {
  std::vector<std::string> result;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    result.emplace_back(*entry);
  }
  return result;
}

}  // namespace gantry::daemon::os
