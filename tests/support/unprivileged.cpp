// SPDX-License-Identifier: MIT
#include "tests/support/unprivileged.hpp"

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "daemon/os/child.hpp"
#include "daemon/os/find_program.hpp"

#include <grp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace gantry::tests {

std::vector<std::string> as_unprivileged(std::vector<std::string> argv) {
  if (::geteuid() != 0) return argv;
  const std::string id = std::to_string(kUnprivilegedId);
  argv.insert(argv.begin(), {"setpriv", "--reuid=" + id, "--regid=" + id, "--clear-groups", "--"});
  return argv;
}

void become_unprivileged() {
  if (::geteuid() != 0) return;
  if (::setgroups(0, nullptr) != 0 ||
      ::setresgid(kUnprivilegedId, kUnprivilegedId, kUnprivilegedId) != 0 ||
      ::setresuid(kUnprivilegedId, kUnprivilegedId, kUnprivilegedId) != 0) {
    core::throw_errno("becoming an unprivileged user");
  }
  // The change of user took /proc/self away from us.
  ::prctl(PR_SET_DUMPABLE, 1);
  ::setenv("HOME", "/nonexistent", 1);
  ::setenv("TMPDIR", "/tmp", 1);
}

void give_to_unprivileged(const std::string& path) {
  if (::geteuid() != 0) return;
  const auto give = [](const std::string& each) {
    if (::lchown(each.c_str(), kUnprivilegedId, kUnprivilegedId) != 0) {
      core::throw_errno("giving '" + each + "' to the unprivileged user");
    }
  };
  give(path);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path))
    give(entry.path());
}

std::string why_no_sandbox() {
  if (daemon::os::find_program("bwrap").empty()) return "bubblewrap is not installed";
  daemon::os::SpawnOptions options;
  options.argv = as_unprivileged({"bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"});
  options.env = daemon::os::current_environment();
  const auto result = daemon::os::run_command(std::move(options), 10000);
  if (result.status.success()) return {};
  return "bubblewrap does not work here: " + std::string(core::trim(result.err));
}

}  // namespace gantry::tests
