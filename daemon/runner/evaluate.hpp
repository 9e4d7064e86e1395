// SPDX-License-Identifier: MIT
// Values of workflow tokens when their contexts are known. Errors name the file and the position.
#pragma once

#include "core/base/result.hpp"
#include "core/expr/evaluator.hpp"
#include "core/workflow/token.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gantry::daemon::runner {

struct Evaluator {
  std::string file;  // for messages
  core::expr::Environment environment;

  // Lists given by an expression inside a list are spliced in, `${{ insert }}` merges a mapping.
  core::Result<core::expr::Value> value(const core::workflow::Token& token) const;
  // Null is "". Lists and mappings are refused.
  core::Result<std::string> text(const core::workflow::Token& token) const;
  // Names and texts of a mapping, in order; null is none.
  core::Result<std::vector<std::pair<std::string, std::string>>> texts(
      const core::workflow::Token& token) const;
  core::Result<std::optional<double>> number(const core::workflow::Token& token) const;
  core::Result<bool> boolean(const core::workflow::Token& token) const;    // null is false
  core::Result<bool> condition(const core::workflow::Token& token) const;  // by truthiness

  core::Error error_at(const core::workflow::Token& token, std::string_view message) const;
};

}  // namespace gantry::daemon::runner
