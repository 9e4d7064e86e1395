// SPDX-License-Identifier: MIT
#include "daemon/agent/steps.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <string>
#include <string_view>

namespace gantry::daemon::agent {

namespace {

using proto::agent::SetupPhase;

// Everything the child needs, made before vfork: between it and exec only system calls are done.
struct Launch {
  const char* program = nullptr;
  char* const* argv = nullptr;
  char* const* env = nullptr;
  const char* cwd = nullptr;  // may be null
  int in = -1;
  int out = -1;
  int err = -1;
  // Written by the child, which shares our memory until exec.
  volatile SetupPhase phase = SetupPhase::process;
  volatile int error_number = 0;
};

[[noreturn]] void become_step(Launch& launch) {
  ::setsid();
  launch.phase = SetupPhase::descriptors;
  if (::dup2(launch.in, 0) >= 0 && ::dup2(launch.out, 1) >= 0 && ::dup2(launch.err, 2) >= 0) {
    launch.phase = SetupPhase::folder;
    if (launch.cwd == nullptr || ::chdir(launch.cwd) == 0) {
      launch.phase = SetupPhase::program;
      sigset_t none;
      ::sigemptyset(&none);
      ::sigprocmask(SIG_SETMASK, &none, nullptr);
      ::execve(launch.program, launch.argv, launch.env);
    }
  }
  launch.error_number = errno;
  ::_exit(127);
}

// Its own function, so that no live local of a caller can be clobbered by the child.
[[gnu::noinline]] pid_t launch_process(Launch& launch) {
  const pid_t pid = ::vfork();
  if (pid == 0) become_step(launch);
  if (pid < 0) launch.error_number = errno;
  return pid;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (const std::string& text : texts)
    result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

std::string_view path_of(const std::vector<std::string>& env) {
  for (const std::string& entry : env) {
    if (entry.starts_with("PATH=")) return std::string_view(entry).substr(5);
  }
  return "/usr/local/bin:/usr/bin:/bin";
}

// Where `name` is found in the step's PATH; itself when it has a slash or is not found. A relative
// entry of PATH counts from the step's folder.
std::string find_program(const proto::agent::Start& request) {
  const std::string& name = request.argv[0];
  if (name.find('/') != std::string::npos) return name;
  std::string_view rest = path_of(request.env);
  while (!rest.empty()) {
    const std::size_t colon = std::min(rest.find(':'), rest.size());
    std::string candidate(rest.substr(0, colon));
    rest.remove_prefix(std::min(colon + 1, rest.size()));
    if (candidate.empty()) candidate = ".";
    if (candidate[0] != '/') candidate = request.cwd + "/" + candidate;
    candidate += "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return name;
}

std::uint64_t microseconds(const timeval& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * 1000000 +
         static_cast<std::uint64_t>(time.tv_usec);
}

}  // namespace

Steps::Steps() : null_(::open("/dev/null", O_RDONLY | O_CLOEXEC)) {}

proto::agent::Reply Steps::start(const proto::agent::Start& request, const int* fds) {
  const std::string program = find_program(request);
  const std::vector<char*> argv = pointers(request.argv);
  const std::vector<char*> env = pointers(request.env);
  Launch launch;
  launch.program = program.c_str();
  launch.argv = argv.data();
  launch.env = env.data();
  launch.cwd = request.cwd.empty() ? nullptr : request.cwd.c_str();
  launch.in = null_;
  launch.out = fds[0];
  launch.err = request.descriptors > 1 ? fds[1] : fds[0];
  const pid_t pid = launch_process(launch);
  if (launch.error_number != 0) {
    if (pid > 0) ::waitpid(pid, nullptr, 0);
    return proto::agent::SetupFailed{request.step, launch.phase, launch.error_number};
  }
  running_.push_back({request.step, pid});
  return proto::agent::Started{request.step, pid};
}

void Steps::signal(const proto::agent::Signal& request) const {
  if (request.step == 0) {
    ::kill(-1, request.signo);  // as pid 1: everyone else
    return;
  }
  for (const Running& each : running_) {
    if (each.step == request.step) ::kill(-each.pid, request.signo);
  }
}

std::optional<proto::agent::Exited> Steps::reap() {
  int status = 0;
  rusage usage{};
  const pid_t pid = ::wait4(-1, &status, WNOHANG, &usage);
  if (pid <= 0) return std::nullopt;
  proto::agent::Exited exited;
  if (WIFSIGNALED(status)) {
    exited.kind = proto::agent::ExitKind::signaled;
    exited.value = WTERMSIG(status);
  } else {
    exited.value = WEXITSTATUS(status);
  }
  exited.user_usec = microseconds(usage.ru_utime);
  exited.system_usec = microseconds(usage.ru_stime);
  exited.max_rss_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
  const auto found = std::find_if(running_.begin(), running_.end(),
                                  [&](const Running& each) { return each.pid == pid; });
  if (found != running_.end()) {
    exited.step = found->step;
    running_.erase(found);
  }
  return exited;
}

}  // namespace gantry::daemon::agent
