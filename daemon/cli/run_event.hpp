// SPDX-License-Identifier: MIT
// The event that `gantry run` delivers: what was given, completed by what the work tree says.
#pragma once

#include "daemon/cli/work_tree.hpp"

#include <nlohmann/json.hpp>

#include <string>

namespace gantry::daemon::cli {

// The payload of `event` at the snapshot. `given` (an object) wins over what is made up, but for
// the repository and the commits: those are the work tree's. A pull request's refs are made in
// `mirror`.
nlohmann::json local_payload(const std::string& event, const Snapshot& snapshot,
                             const WorkTree& tree, const std::filesystem::path& mirror,
                             const nlohmann::json& given);

}  // namespace gantry::daemon::cli
