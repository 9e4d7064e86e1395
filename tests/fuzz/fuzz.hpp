// SPDX-License-Identifier: MIT
// Parts of the fuzz targets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gantry::tests {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// The first line, and what follows it.
struct Parts {
  std::string_view first, rest;
};
inline Parts split_line(std::string_view text) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return {text, ""};
  return {text.substr(0, end), text.substr(end + 1)};
}

}  // namespace gantry::tests
