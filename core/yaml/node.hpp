// SPDX-License-Identifier: MIT
// A YAML file as a tree with positions. YAML 1.2 core schema: `on`, `yes` and `no` are
// strings, 3.10 is the number 3.1, quoted and block scalars are strings. Aliases are expanded
// within the limits, duplicate keys are kept, `<<` is an ordinary key. Used for workflows and for
// the config file.
#pragma once

#include "core/yaml/diagnostic.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::core::yaml {

enum class NodeKind { null, boolean, number, string, sequence, mapping };
enum class ScalarStyle { plain, single_quoted, double_quoted, literal, folded };

struct Node {
  struct Entry;
  NodeKind kind = NodeKind::null;
  Position position;
  ScalarStyle style = ScalarStyle::plain;
  bool boolean = false;
  double number = 0;
  std::string text;  // a scalar as written, unquoted
  std::string tag;   // explicit, in full ("tag:yaml.org,2002:str"); mostly empty
  std::vector<Node> items;
  std::vector<Entry> entries;

  bool is_scalar() const { return kind < NodeKind::sequence; }
  // First value under this exact key of a mapping, else nullptr.
  const Node* find(std::string_view key) const;
};

// Of a mapping.
struct Node::Entry {
  Node key;
  Node value;
};

struct Limits {
  std::size_t characters = std::size_t{1} << 20U;  // in UTF-16 units, as GitHub counts
  std::size_t depth = 50;                          // of sequences and mappings
  // What aliases repeat counts again: a scalar is one event, a collection two.
  std::size_t events = 50'000;
  std::size_t text_bytes = std::size_t{10} << 20U;  // of all scalars
};

struct Document {
  std::optional<Node> root;  // absent when the file is no YAML at all, or passes a limit
  std::vector<Diagnostic> diagnostics;
};

// Never throws on bad input. An empty file is one null node.
Document parse(std::string_view text, const Limits& limits = {});

}  // namespace gantry::core::yaml
