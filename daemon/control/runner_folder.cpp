// SPDX-License-Identifier: MIT
#include "daemon/control/runner_folder.hpp"

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "daemon/os/cgroup.hpp"
#include "proto/runner_protocol.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>

namespace gantry::daemon::control {
namespace {

constexpr const char* kLock = "lock";
constexpr const char* kPid = "runner.pid";

}  // namespace

LockedFolder make_runner_folder(const core::fs::path& runners) {
  LockedFolder made;
  made.path = runners / core::random_hex(8);
  core::fs::create_directory(made.path);
  core::fs::permissions(made.path, core::fs::perms::owner_all);
  made.lock.reset(::open((made.path / kLock).c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!made.lock || ::flock(made.lock.get(), LOCK_EX | LOCK_NB) != 0) {
    core::throw_errno("locking runner folder '" + made.path.string() + "'");
  }
  return made;
}

void write_runner_pid(const core::fs::path& folder, pid_t pid) {
  core::write_file_atomic(folder / kPid, std::to_string(pid) + '\n');
}

bool runner_lives(const core::fs::path& folder) {
  const core::UniqueFd lock(::open((folder / kLock).c_str(), O_RDWR | O_CLOEXEC));
  return lock && ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0;
}

core::UniqueFd open_runner(const core::fs::path& folder) {
  const auto text = core::read_file_if_exists(folder / kPid);
  const int pid = text ? std::atoi(text->c_str()) : 0;
  if (pid <= 0) return {};
  core::UniqueFd runner(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  // Only now: a runner that ended, or whose number is another's by now, holds no lock.
  return runner_lives(folder) ? std::move(runner) : core::UniqueFd();
}

std::optional<std::string> remove_runner_folder(const core::fs::path& folder) {
  os::CgroupTree::discover().remove(proto::sandbox_group(folder.string()));
  return core::remove_tree(folder);
}

}  // namespace gantry::daemon::control
