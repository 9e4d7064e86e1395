// SPDX-License-Identifier: MIT
// A workflow file after it was read against the schema: a tree whose leaves are literals or
// expressions, each with its position. This is GitHub's own shape ("template tokens"): what is
// known when the file is read is checked then, what needs contexts stays an expression.
#pragma once

#include "core/yaml/diagnostic.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::core::expr {
class Expression;  // a parsed expression, reusable (core/expr/parser.hpp)
}

namespace gantry::core::workflow {

enum class TokenKind { null, boolean, number, string, sequence, mapping, expression, insert };

struct Token {
  struct Entry;
  TokenKind kind = TokenKind::null;
  yaml::Position position;
  bool boolean = false;
  double number = 0;
  std::string text;  // a string's value, or an expression's text without ${{ }}
  std::shared_ptr<const expr::Expression> expression;  // shared: copies of one token
  std::vector<Token> items;
  std::vector<Entry> entries;

  bool is_null() const { return kind == TokenKind::null; }
  bool is_string() const { return kind == TokenKind::string; }
  bool is_expression() const { return kind == TokenKind::expression; }
  // Value of a mapping's literal key, ignoring case; nullptr when absent or not a mapping.
  const Token* find(std::string_view key) const;
  // True when the tree holds an expression anywhere.
  bool has_expression() const;
};

// Of a mapping.
struct Token::Entry {
  Token key;
  Token value;
};

}  // namespace gantry::core::workflow
