// SPDX-License-Identifier: MIT
// Enums of storage as words in a column; a table of words in the order of the enumerators.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace gantry::storage {

template <class Enum, std::size_t N>
std::string_view word_of(const std::array<std::string_view, N>& words, Enum value) {
  return words[static_cast<std::size_t>(value)];
}

template <class Enum, std::size_t N>
bool parse_word(const std::array<std::string_view, N>& words, std::string_view text, Enum& out) {
  for (std::size_t i = 0; i < N; ++i) {
    if (words[i] != text) continue;
    out = static_cast<Enum>(i);
    return true;
  }
  return false;
}

}  // namespace gantry::storage
