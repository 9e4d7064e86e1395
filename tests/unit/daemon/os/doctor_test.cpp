// SPDX-License-Identifier: MIT
#include "daemon/os/doctor.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace gantry::daemon::os {

TEST_CASE("doctor: whatever is not ok comes with what was found and a remedy") {
  const std::vector<Check> checks = examine_machine(
      {.state_folder = "/proc/version/below", .bwrap = "no-bwrap", .slirp4netns = "no-slirp"});
  for (const Check& check : checks) {
    CAPTURE(check.name);
    CHECK_FALSE(check.detail.empty());
    CHECK(check.remedy.empty() == (check.state == Check::State::ok));
  }
  const auto find = [&checks](std::string_view name) {
    return *std::find_if(checks.begin(), checks.end(),
                         [name](const Check& check) { return check.name == name; });
  };
  CHECK(find("bubblewrap").state == Check::State::missing);
  CHECK(find("bubblewrap").remedy == "apt-get install bubblewrap");
  CHECK(find("disk").detail == "/proc/version/below: Not a directory");
  CHECK(find("network 'internet'").detail == "'no-slirp' is not installed");
}

TEST_CASE("doctor: a state folder yet to be made counts by the one it will be made in") {
  for (const Check& check : examine_machine({.state_folder = "/no/such/folder", .bwrap = "none"})) {
    if (check.name == "disk") CHECK(check.detail.ends_with(" MiB free in /"));
  }
}

TEST_CASE("doctor: a configured node that is none is told with the key to change") {
  for (const Check& check :
       examine_machine({.state_folder = "/", .bwrap = "none", .node = {{"node24", "/bin/true"}}})) {
    if (check.name != "node") continue;
    CHECK(check.state == Check::State::degraded);
    CHECK(check.detail.starts_with("/bin/true does not tell its version"));
    CHECK(check.remedy == "name a Node.js program in actions.node.node24 of the config");
  }
}

TEST_CASE("doctor: bubblewrap's words about a hidden part of /proc get their remedy") {
  const std::string remedy =
      hidden_proc_remedy("bwrap: Can't mount proc on /newroot/proc: Operation not permitted");
  CHECK(remedy.find("neither ProtectKernelLogs nor ProtectKernelTunables") != std::string::npos);
  CHECK(hidden_proc_remedy("bwrap: setting up uid map: Permission denied").empty());
}

TEST_CASE("doctor: a program that is not bubblewrap is not taken for it") {
  for (const Check& check : examine_machine({.state_folder = "/", .bwrap = "true"})) {
    if (check.name == "bubblewrap") CHECK(check.state == Check::State::missing);
    CHECK(check.name != "sandbox");
  }
}

}  // namespace gantry::daemon::os
