// SPDX-License-Identifier: MIT
// The folder of a runner, state/runners/<name>. It is locked from before the runner lives until the
// runner has ended: gantryd hands the lock over to the runner when it makes it, so that however
// slow the runner is to come to life, a gantryd started meanwhile sees that there is one.
// Throws core::Exception.
#pragma once

#include "core/base/files.hpp"
#include "core/base/unique_fd.hpp"

#include <sys/types.h>

#include <optional>
#include <string>

namespace gantry::daemon::control {

struct LockedFolder {
  core::fs::path path;
  core::UniqueFd lock;
};
LockedFolder make_runner_folder(const core::fs::path& runners);

void write_runner_pid(const core::fs::path& folder, pid_t pid);
// Of the runner that holds the lock; empty when there is none.
core::UniqueFd open_runner(const core::fs::path& folder);
bool runner_lives(const core::fs::path& folder);

// With the control group its sandbox had, should the runner have been killed. What could not be
// removed, if anything. May wait for the kernel.
std::optional<std::string> remove_runner_folder(const core::fs::path& folder);

}  // namespace gantry::daemon::control
