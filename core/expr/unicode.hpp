// SPDX-License-Identifier: MIT
// How the workflow language looks at text: comparison ignores case by simple upper-casing of each
// code point (no folding of one letter to two, and dotless i and long s stay letters of their own),
// lengths and positions count UTF-16 units. Text is UTF-8; invalid bytes stand for themselves.
#pragma once

#include <compare>
#include <cstddef>
#include <string>
#include <string_view>

namespace gantry::core::expr {

std::string upper_case(std::string_view text);

bool equal_ignoring_case(std::string_view a, std::string_view b);
// Ordinal order of the upper-cased texts, by UTF-16 units.
std::strong_ordering compare_ignoring_case(std::string_view a, std::string_view b);
bool contains_ignoring_case(std::string_view text, std::string_view part);
bool starts_with_ignoring_case(std::string_view text, std::string_view prefix);
bool ends_with_ignoring_case(std::string_view text, std::string_view suffix);

std::size_t utf16_length(std::string_view text);

// The code point at the front of `text` with its length in bytes. An invalid byte is a value of its
// own above all code points, 1 long.
struct CodePoint {
  char32_t value = 0;
  std::size_t bytes = 0;
};
CodePoint first_code_point(std::string_view text);
void append_utf8(std::string& out, char32_t code_point);

bool is_white_space(char32_t code_point);  // Unicode White_Space
std::string_view trim_white_space(std::string_view text);

}  // namespace gantry::core::expr
