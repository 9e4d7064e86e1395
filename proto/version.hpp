// SPDX-License-Identifier: MIT
// Version of the product and of the protocols spoken between its own programs.
#pragma once

#include <string_view>

namespace gantry::proto {

std::string_view product_version();        // "0.1.0"
inline constexpr int kRunnerProtocol = 1;  // gantryd <-> gantry-runner
inline constexpr int kAgentProtocol = 1;   // gantry-runner <-> gantry-agent
inline constexpr int kGitProtocol = 1;     // gantryd, gantry-runner <-> gantry-git

}  // namespace gantry::proto
