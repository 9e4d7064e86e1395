// SPDX-License-Identifier: MIT
// What this machine can and cannot do for jobs, for `gantry doctor` and the daemon's start-up log.
// Each check tries the real thing. No check throws.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::daemon::os {

struct Check {
  enum class State { ok, degraded, missing };
  std::string name;  // "user namespaces"
  State state = State::ok;
  std::string detail;  // what was found
  std::string remedy;  // a command or config line; empty when ok
};
std::string_view to_string(Check::State state);

struct DoctorConfig {
  std::filesystem::path state_folder;  // whose file system is looked at
  std::string bwrap = "bwrap";
  std::string slirp4netns = "slirp4netns";
};

std::vector<Check> examine_machine(const DoctorConfig& config);

}  // namespace gantry::daemon::os
