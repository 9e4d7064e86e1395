// SPDX-License-Identifier: MIT
// The sandbox gantry-git runs in: what the process may see, as bubblewrap's arguments.
#pragma once

#include "daemon/git/client.hpp"

#include <string>
#include <vector>

namespace gantry::daemon::git {

// argv for posix_spawn. Paths are made absolute; the mirror and a local source must exist.
std::vector<std::string> gantry_git_argv(const ClientOptions& options);

}  // namespace gantry::daemon::git
