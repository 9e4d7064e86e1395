// SPDX-License-Identifier: MIT
#include "core/workflow/token.hpp"

#include "core/base/text.hpp"

#include <algorithm>

namespace gantry::core::workflow {

const Token* Token::find(std::string_view key) const {
  for (const auto& [name, value] : entries) {
    if (name.is_string() && equals_ignoring_case(name.text, key)) return &value;
  }
  return nullptr;
}

bool Token::has_expression() const {
  if (kind == TokenKind::expression || kind == TokenKind::insert) return true;
  return std::any_of(items.begin(), items.end(),
                     [](const Token& item) { return item.has_expression(); }) ||
         std::any_of(entries.begin(), entries.end(), [](const auto& entry) {
           return entry.key.has_expression() || entry.value.has_expression();
         });
}

}  // namespace gantry::core::workflow
