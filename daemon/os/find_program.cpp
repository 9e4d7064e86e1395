// SPDX-License-Identifier: MIT
#include "daemon/os/find_program.hpp"

#include "core/base/text.hpp"

#include <unistd.h>

#include <cstdlib>

namespace gantry::daemon::os {

std::string find_program(std::string_view name) {
  if (name.find('/') != std::string_view::npos) {
    const std::string path(name);
    return ::access(path.c_str(), X_OK) == 0 ? path : std::string();
  }
  const char* path = std::getenv("PATH");
  for (const std::string_view folder : core::split(path != nullptr ? path : "/usr/bin:/bin", ':')) {
    std::string candidate = std::string(folder.empty() ? "." : folder) + "/" + std::string(name);
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return {};
}

}  // namespace gantry::daemon::os
