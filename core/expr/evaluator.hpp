// SPDX-License-Identifier: MIT
// Tree × contexts → value. Pure: what needs the world (hashFiles, job status) is a function of the
// environment. Memory is counted as GitHub counts it, so a bomb ends in an error.
#pragma once

#include "core/expr/ast.hpp"

#include <functional>
#include <span>

namespace gantry::core::expr {

inline constexpr std::size_t kDefaultMemoryLimit = 1U << 20U;

struct Environment {
  Object contexts;  // by name: github, env, matrix …; one that is missing is null
  // Calls of functions the scope added: the name in lower case ("hashfiles", "success") and the
  // evaluated arguments.
  std::function<Result<Value>(std::string_view name, std::span<const Value> arguments)> call = {};
  std::size_t memory_limit_bytes = kDefaultMemoryLimit;
  // Told every node's value, children first; what was never evaluated is never told.
  std::function<void(const Node& node, const Value& value)> observe = {};
};

Result<Value> evaluate(const Expression& expression, const Environment& environment);

}  // namespace gantry::core::expr
