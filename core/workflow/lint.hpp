// SPDX-License-Identifier: MIT
// What GitHub accepts but no one means: conditions that are always true, filters that never match,
// names nothing defines, text of strangers in a script. Every finding is a warning. Pure; for
// `gantry validate`. Takes only files that were read without errors.
#pragma once

#include "core/workflow/action.hpp"
#include "core/workflow/workflow.hpp"

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

namespace gantry::core::workflow {

// Other files a file refers to; null where one is not at hand, then nothing is said about it.
struct LintFiles {
  std::function<std::shared_ptr<const Action>(std::string_view uses)> action = {};
  std::function<std::shared_ptr<const Workflow>(std::string_view uses)> workflow = {};
};

// `source`: the text the workflow was read from, to point into expressions. Sorted by position.
std::vector<yaml::Diagnostic> lint(const Workflow& workflow, std::string_view source,
                                   const LintFiles& files);
std::vector<yaml::Diagnostic> lint(const Action& action, std::string_view source,
                                   const LintFiles& files);

}  // namespace gantry::core::workflow
