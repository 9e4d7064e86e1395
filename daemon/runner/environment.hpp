// SPDX-License-Identifier: MIT
// The environment of a job's processes. Pure.
#pragma once

#include "core/expr/value.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gantry::daemon::runner {

inline constexpr std::string_view kUsualPath =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

struct EnvironmentParts {
  const core::expr::Object& env;               // the env context of the step
  const core::expr::Value& github;             // its GITHUB_* win over `env`
  const core::expr::Value& runner;             // the same for RUNNER_*
  std::string_view path;                       // PATH before anything is added
  const std::vector<std::string>& added_path;  // searched from the end
};

// "NAME=value" each, every name once; names and values that cannot be
// (empty name, '=' in a name, NUL bytes) are left out.
std::vector<std::string> process_environment(const EnvironmentParts& parts);

// Sets variables of an environment made by process_environment.
void set_variables(std::vector<std::string>& environment,
                   const std::vector<std::pair<std::string, std::string>>& values);

// PATH of the step: what was added, the newest first, then `base`.
std::string joined_path(std::string_view base, const std::vector<std::string>& added);

}  // namespace gantry::daemon::runner
