// SPDX-License-Identifier: MIT
// What this machine can and cannot do for jobs, for `gantry doctor` and the daemon's start-up log.
// Each check tries the real thing. No check throws.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gantry::daemon::os {

struct Check {
  // degraded: jobs run, without something; missing: they do not run, or not as asked for.
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
  // What runs JavaScript actions, by runtime, as the config says (actions.node).
  std::vector<std::pair<std::string, std::filesystem::path>> node;
};

// Takes some 30 ms.
std::vector<Check> examine_machine(const DoctorConfig& config);

// Can bubblewrap switch off user namespaces inside a sandbox? Not where /proc/sys is read-only.
// The system call filter refuses them in any case.
bool can_disable_nested_namespaces();

// Where bubblewrap's complaint means that parts of /proc are hidden: what to do. Otherwise empty.
std::string hidden_proc_remedy(std::string_view complaint);

struct Obstacle {
  std::string reason;  // empty: none
  std::string remedy;
};
// To Network::internet.
Obstacle internet_obstacle(const std::string& slirp4netns);

}  // namespace gantry::daemon::os
