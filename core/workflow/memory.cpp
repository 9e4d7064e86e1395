// SPDX-License-Identifier: MIT
#include "core/workflow/memory.hpp"

namespace gantry::core::workflow {
namespace {

constexpr std::size_t kObject = 24;
constexpr std::size_t kString = 26;

// UTF-16 units: bytes that start a code point, and once more those beyond the basic plane.
std::size_t utf16_length(std::string_view text) {
  std::size_t units = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0U) != 0x80) units += byte >= 0xF0 ? 2 : 1;
  }
  return units;
}

}  // namespace

std::size_t bytes_of(std::string_view text) {
  return kString + 2 * utf16_length(text);
}

std::size_t bytes_of(const Token& token) {
  const bool has_text = token.is_string() || token.is_expression();
  return kObject + (has_text ? bytes_of(token.text) : 0);
}

std::size_t bytes_of_tree(const Token& token) {
  std::size_t bytes = bytes_of(token);
  for (const Token& item : token.items)
    bytes += bytes_of_tree(item);
  for (const auto& [key, value] : token.entries)
    bytes += bytes_of_tree(key) + bytes_of_tree(value);
  return bytes;
}

std::size_t bytes_of_tree(const expr::Value& value) {
  std::size_t bytes = kObject;
  if (value.kind() == expr::Kind::string) bytes += bytes_of(value.string());
  if (value.kind() == expr::Kind::array) {
    for (const expr::Value& item : value.array())
      bytes += bytes_of_tree(item);
  }
  if (value.kind() == expr::Kind::object) {
    for (const auto& [key, item] : value.object().entries())
      bytes += kObject + bytes_of(key) + bytes_of_tree(item);
  }
  return bytes;
}

}  // namespace gantry::core::workflow
