// SPDX-License-Identifier: MIT
// The only way this project starts a process: posix_spawn, so nothing of ours runs between fork
// and exec. A child gets exactly the descriptors it is given, default signals and an empty mask.
// No Asio here: poll pidfd() for readability, or see child_async.hpp.
#pragma once

#include "core/base/unique_fd.hpp"

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace gantry::daemon::os {

struct ExitStatus {
  enum class Kind { exited, signaled };
  Kind kind = Kind::exited;
  int value = 0;  // exit code or signal number

  bool success() const { return kind == Kind::exited && value == 0; }
  // As a shell has it: the exit code, or 128 + signal.
  int shell_code() const { return kind == Kind::exited ? value : 128 + value; }
  bool operator==(const ExitStatus&) const = default;
};
std::string to_string(ExitStatus status);      // "exit code 7", "signal 9 (Killed)"
ExitStatus from_wait_status(int wait_status);  // what waitpid gives

// `source` (ours, stays ours) becomes `target` in the child.
struct FdMapping {
  int source = -1;
  int target = -1;
};

enum class Session { inherit, process_group, session };

struct SpawnOptions {
  std::vector<std::string> argv;  // argv[0] is looked up in our PATH when it has no slash
  std::vector<std::string> env;   // "NAME=value"; nothing is inherited
  std::string cwd;                // empty: ours
  std::vector<FdMapping> fds;     // of 0, 1, 2 those not named here are /dev/null
  Session session = Session::process_group;
};

// A running or ended child. Move-only. Destroyed without having been waited for, it is killed
// and reaped: give it away with release() to let it live on.
class Child {
 public:
  Child() = default;
  Child(pid_t pid, core::UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }
  explicit operator bool() const { return pid_ > 0; }
  // Known once wait, try_wait or async_wait has seen the end.
  const std::optional<ExitStatus>& status() const { return status_; }

  ExitStatus wait();                     // blocks
  std::optional<ExitStatus> try_wait();  // does not
  // The process alone; false when it is gone already.
  bool kill(int signo) const;
  // Its process group; only for Session::process_group and Session::session, only before it is
  // reaped (afterwards the number may be someone else's, and this returns false).
  bool kill_group(int signo) const;
  // Gives up ownership: it is neither killed nor reaped by us. Returns the pidfd.
  core::UniqueFd release();
  // For async_wait only: the status another reaper has fetched.
  void set_status(ExitStatus status) { status_ = status; }

 private:
  void end() noexcept;

  pid_t pid_ = -1;
  core::UniqueFd pidfd_;
  std::optional<ExitStatus> status_;
};

// Throws core::Exception with the errno of exec at once ("starting 'x': No such file or
// directory").
Child spawn(const SpawnOptions& options);

// What a short-lived command wrote and how it ended. Reads at most `limit_bytes` of each stream
// (the rest is thrown away); kills it after `timeout_ms`.
struct CommandResult {
  ExitStatus status;
  std::string out;
  std::string err;
  enum class End { normal, timed_out } end = End::normal;
};
CommandResult run_command(SpawnOptions options, int timeout_ms, std::size_t limit_bytes = 1 << 20);

// Our own environment, as SpawnOptions::env wants it.
std::vector<std::string> current_environment();

}  // namespace gantry::daemon::os
