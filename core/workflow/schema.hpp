// SPDX-License-Identifier: MIT
// The grammar of workflow files as data: what may stand where, and which contexts and functions an
// expression may use there. Source: docs.github.com "Workflow syntax" and "Contexts".
#pragma once

#include "core/expr/parser.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace gantry::core::workflow {

// Bits of what an expression may name; a place inherits those of the places around it.
using ContextMask = std::uint32_t;
enum class Shape { null, boolean, number, string, allowed_values, sequence, mapping, one_of };

struct Definition;

struct Property {
  std::string name;
  const Definition* definition = nullptr;
  bool required = false;
};

struct Definition {
  std::string name;
  Shape shape = Shape::null;
  ContextMask contexts = 0;
  bool non_empty = false;            // string
  std::string constant;              // string; empty: any
  std::vector<std::string> allowed;  // allowed_values
  const Definition* item = nullptr;  // sequence
  std::vector<Property> properties;  // mapping
  const Definition* loose_key = nullptr;
  const Definition* loose_value = nullptr;
  // What it can be, itself unless it is a one_of; none is a one_of.
  std::vector<const Definition*> alternatives;

  const Property* find(std::string_view key) const;
};

class Schema {
 public:
  // The grammar of workflow files; built once.
  static const Schema& workflow();
  // The grammar of action manifests.
  static const Schema& action();
  // GitHub's grammar where background steps are not switched on.
  static const Schema& without_background_steps();
  // In our notation (schema_text.hpp). Throws Exception: the text is part of the program.
  explicit Schema(std::string_view text);
  Schema(const Schema&) = delete;
  Schema& operator=(const Schema&) = delete;

  // Throws Exception when there is none.
  const Definition& definition(std::string_view name) const;

 private:
  friend class SchemaReader;
  std::unordered_map<std::string, Definition> definitions_;  // nodes never move
};

// What the bits allow, with stable storage.
const expr::Scope& scope_of(ContextMask contexts);
// Names for messages: "github, inputs, vars".
std::string describe_contexts(ContextMask contexts);
ContextMask context_bit(std::string_view name);  // 0 when unknown

}  // namespace gantry::core::workflow
