// SPDX-License-Identifier: MIT
#include "daemon/control/programs.hpp"

#include "core/base/error.hpp"

#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

namespace gantry::daemon::control {
namespace {

namespace fs = std::filesystem;

fs::path find(const std::vector<fs::path>& folders, const std::string& name) {
  std::string tried;
  for (const fs::path& folder : folders) {
    fs::path path = folder / name;
    if (::access(path.c_str(), X_OK) == 0) return path;
    tried += "\n  " + path.string();
  }
  throw core::Exception(
      core::Errc::not_found,
      "looking for the program '" + name +
          "': not found; install Gantry whole, or set GANTRY_LIBEXEC. Tried:" + tried);
}

}  // namespace

Programs find_programs() {
  std::vector<fs::path> folders;
  if (const char* folder = std::getenv("GANTRY_LIBEXEC")) folders.emplace_back(folder);
  const fs::path own = fs::read_symlink("/proc/self/exe").parent_path();
  folders.push_back(own);
  folders.push_back(own.parent_path() / "libexec" / "gantry");
  Programs programs;
  programs.runner = find(folders, "gantry-runner");
  programs.agent = find(folders, "gantry-agent");
  programs.git = find(folders, "gantry-git");
  return programs;
}

}  // namespace gantry::daemon::control
