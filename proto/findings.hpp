// SPDX-License-Identifier: MIT
// What `gantry validate` found, in the formats other programs read. Pure.
#pragma once

#include "core/yaml/diagnostic.hpp"

#include <string>
#include <vector>

namespace gantry::proto {

struct Finding {
  std::string file;  // relative to the repository's top, '/' between folders
  core::yaml::Diagnostic diagnostic;
  std::string line;  // the source line, "" when there is none
};

// {"files": [...], "findings": [{file, line, column, severity, kind, message, hint, source}]}
std::string findings_to_json(const std::vector<std::string>& files,
                             const std::vector<Finding>& findings);
// SARIF 2.1.0, as code scanning takes it.
std::string findings_to_sarif(const std::vector<Finding>& findings);
// Workflow commands: "::error file=…,line=…,col=…,title=…::…", a line each.
std::string findings_to_commands(const std::vector<Finding>& findings);

}  // namespace gantry::proto
