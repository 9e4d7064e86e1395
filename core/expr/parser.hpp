// SPDX-License-Identifier: MIT
// Text of an expression → tree. Names and arities are checked here, so a workflow is refused before
// anything runs. Messages and limits are GitHub's: 21,000 characters, depth 50.
#pragma once

#include "core/expr/ast.hpp"

#include <tl/expected.hpp>

#include <limits>
#include <span>

namespace gantry::core::expr {

inline constexpr std::size_t kMaxExpressionLength = 21'000;
inline constexpr std::size_t kMaxExpressionDepth = 50;
inline constexpr int kAnyNumber = std::numeric_limits<int>::max();

struct FunctionRule {
  std::string_view name;
  int min_arguments = 0;
  int max_arguments = 0;
};

// What an expression may name where it stands, beside the functions of the language itself.
struct Scope {
  std::span<const std::string_view> named_values;
  std::span<const FunctionRule> functions;
};

struct ParseError {
  std::string message;
  std::size_t position = 0;  // 1-based, in UTF-16 units of the expression; 0: the whole of it
};

template <class T>
using Parsed = tl::expected<T, ParseError>;

// Blank text is the empty expression.
Parsed<Expression> parse(std::string_view text, const Scope& scope);

// True when a call of success, failure, cancelled or always stands anywhere in the tree.
bool calls_status_function(const Node& node);

}  // namespace gantry::core::expr
