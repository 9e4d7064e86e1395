// SPDX-License-Identifier: MIT
// Parts of `gantry validate`.
#pragma once

#include "daemon/cli/file_checker.hpp"

#include <string>
#include <vector>

namespace gantry::daemon::cli {

struct PlanOptions {
  std::string payload_file;          // "-": standard input
  std::string event;                 // "": told by the payload
  std::vector<std::string> changed;  // files; empty: what a push's payload lists
  bool json = false;
};

// Prints which workflows and jobs an event starts, and why. Returns the exit code.
int show_plan(const PlanOptions& options, const std::vector<CheckedFile>& files);

}  // namespace gantry::daemon::cli
