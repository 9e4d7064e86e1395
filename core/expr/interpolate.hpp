// SPDX-License-Identifier: MIT
// Scalars of a workflow: text with `${{ … }}` in it, and the text of an `if:`.
#pragma once

#include "core/expr/parser.hpp"

#include <string>
#include <vector>

namespace gantry::core::expr {

struct Segment {
  enum class Kind { text, expression };
  Kind kind = Kind::text;
  std::string_view text;   // of the scalar; an expression without ${{ }} and untrimmed
  std::size_t offset = 0;  // in bytes, where `text` starts
};

bool has_expression(std::string_view scalar);  // `${{` occurs

// An expression ends at the first `}}` outside a single-quoted string; one that never ends is an
// error. The segments view into `scalar`.
Parsed<std::vector<Segment>> split_segments(std::string_view scalar);

struct Scalar {
  enum class Kind {
    text,        // no expression, or one that is a single string literal
    expression,  // one expression: its type is kept; mixed text became format('…{0}…', …)
    insert,      // the directive ${{ insert }}
  };
  Kind kind = Kind::text;
  std::string text;  // the text, or the expression's
  Expression expression;
};

// All errors of the scalar, each with GitHub's text. `position` counts within the expression it is
// about, whose text the message repeats.
tl::expected<Scalar, std::vector<ParseError>> parse_scalar(std::string_view scalar,
                                                           const Scope& scope);

// The condition of an `if:`, with or without ${{ }}: wrapped in success() && (…) unless a status
// function is called in it. Blank is success(). `scope` has to know success().
tl::expected<Expression, std::vector<ParseError>> parse_condition(std::string_view scalar,
                                                                  const Scope& scope);

}  // namespace gantry::core::expr
