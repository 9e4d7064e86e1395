// SPDX-License-Identifier: MIT
// hashFiles(): SHA-256 over the SHA-256 of every matching file of the workspace, in GitHub's order.
// The workspace is the job's and may change under us: it is walked beneath an open descriptor, and
// a link that leads out of it is an error, never followed.
#pragma once

#include "core/base/result.hpp"

#include <atomic>
#include <chrono>
#include <span>
#include <string>
#include <string_view>

namespace gantry::daemon::runner {

struct Workspace {
  int folder_fd = -1;
  std::string path;  // as the job sees it, absolute
  std::string home;  // what `~` stands for
  std::chrono::milliseconds time_limit{120'000};
  const std::atomic<bool>* stopped = nullptr;  // set by another thread: give up
};

// The arguments of the call; "" when no file matches.
core::Result<std::string> hash_files(const Workspace& workspace,
                                     std::span<const std::string> arguments);

}  // namespace gantry::daemon::runner
