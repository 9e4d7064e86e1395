// SPDX-License-Identifier: MIT
#include "core/expr/ast.hpp"

#include "core/base/text.hpp"

namespace gantry::core::expr {
namespace {

std::string literal_text(const Value& value) {
  if (value.is_null()) return "null";
  if (value.kind() != Kind::string) return value.to_string();
  return "'" + replace_all(value.string(), "'", "''") + "'";
}

std::string joined(const std::vector<Node>& nodes, std::string_view separator) {
  std::string out;
  for (const Node& node : nodes) {
    if (&node != &nodes.front()) out += separator;
    out += to_text(node);
  }
  return out;
}

std::string_view symbol(NodeKind kind) {
  switch (kind) {
    case NodeKind::conjunction:
      return " && ";
    case NodeKind::disjunction:
      return " || ";
    case NodeKind::equal:
      return " == ";
    case NodeKind::not_equal:
      return " != ";
    case NodeKind::less:
      return " < ";
    case NodeKind::less_or_equal:
      return " <= ";
    case NodeKind::greater:
      return " > ";
    case NodeKind::greater_or_equal:
      return " >= ";
    case NodeKind::literal:
    case NodeKind::named_value:
    case NodeKind::wildcard:
    case NodeKind::index:
    case NodeKind::call:
    case NodeKind::negation:
      break;
  }
  return "";
}

bool is_name(const Value& value) {
  if (value.kind() != Kind::string || value.string().empty()) return false;
  const std::string& text = value.string();
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  if (!letter(text[0])) return false;
  for (const char c : text) {
    if (!letter(c) && (c < '0' || c > '9') && c != '-') return false;
  }
  return true;
}

std::string index_text(const Node& node) {
  const Node& by = node.children[1];
  const std::string what = to_text(node.children[0]);
  if (by.kind == NodeKind::wildcard) return what + ".*";
  if (by.kind == NodeKind::literal && is_name(by.value)) return what + "." + by.value.string();
  return what + "[" + to_text(by) + "]";
}

}  // namespace

std::string to_text(const Node& node) {
  switch (node.kind) {
    case NodeKind::literal:
      return literal_text(node.value);
    case NodeKind::named_value:
      return node.name;
    case NodeKind::wildcard:
      return "*";
    case NodeKind::index:
      return index_text(node);
    case NodeKind::call:
      return node.name + "(" + joined(node.children, ", ") + ")";
    case NodeKind::negation:
      return "!" + to_text(node.children[0]);
    case NodeKind::conjunction:
    case NodeKind::disjunction:
    case NodeKind::equal:
    case NodeKind::not_equal:
    case NodeKind::less:
    case NodeKind::less_or_equal:
    case NodeKind::greater:
    case NodeKind::greater_or_equal:
      return "(" + joined(node.children, symbol(node.kind)) + ")";
  }
  return "";
}

}  // namespace gantry::core::expr
