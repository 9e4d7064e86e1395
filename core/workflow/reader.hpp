// SPDX-License-Identifier: MIT
// A YAML tree checked against the schema becomes a Token tree; every mismatch is a diagnostic in
// GitHub's words, with a hint of ours. Reading goes on after an error; the first hundred are told.
#pragma once

#include "core/workflow/schema.hpp"
#include "core/workflow/token.hpp"
#include "core/yaml/node.hpp"

#include <string_view>
#include <vector>

namespace gantry::core::workflow {

struct ReadResult {
  Token token;
  std::vector<yaml::Diagnostic> diagnostics;
  std::size_t bytes = 0;  // the tree's size as GitHub counts it, for the limit of a result
};

ReadResult read_tokens(const yaml::Node& node, const Schema& schema, std::string_view definition);

}  // namespace gantry::core::workflow
