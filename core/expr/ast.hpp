// SPDX-License-Identifier: MIT
// A parsed expression. Immutable and cheap to copy (copies share the tree, so that a workflow model
// can be handed around and evaluated many times, from any thread).
#pragma once

#include "core/expr/value.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace gantry::core::expr {

enum class NodeKind {
  literal,      // value
  named_value,  // name: a context
  wildcard,     // the * of an index
  index,        // children: what, by what
  call,         // name, children: arguments
  negation,
  conjunction,  // two or more children
  disjunction,
  equal,
  not_equal,
  less,
  less_or_equal,
  greater,
  greater_or_equal,
};

// The functions of the language itself; everything else is the caller's.
enum class Function {
  contains,
  starts_with,
  ends_with,
  format,
  join,
  to_json,
  from_json,
  select,
  external
};

struct Node {
  NodeKind kind = NodeKind::literal;
  Function function = Function::external;  // of a call; `select` is case()
  std::string name;                        // as written
  Value value;                             // of a literal
  std::vector<Node> children;
  std::uint32_t position = 0;  // 1-based, in UTF-16 units of the text
};

class Expression {
 public:
  Expression() = default;  // the empty expression: null
  Expression(std::string text, Node root)
      : tree_(std::make_shared<const Tree>(Tree{std::move(text), std::move(root)})) {}

  bool empty() const { return tree_ == nullptr; }
  const Node* root() const { return tree_ ? &tree_->root : nullptr; }
  std::string_view text() const { return tree_ ? std::string_view(tree_->text) : ""; }

 private:
  struct Tree {
    std::string text;
    Node root;
  };
  std::shared_ptr<const Tree> tree_;
};

// The node as an expression again, in one normal form; used in messages.
std::string to_text(const Node& node);

}  // namespace gantry::core::expr
