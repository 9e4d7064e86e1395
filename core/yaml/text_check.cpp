// SPDX-License-Identifier: MIT
#include "core/yaml/text_check.hpp"

#include <cstdint>
#include <cstdio>

namespace gantry::core::yaml {
namespace {

// A code point, its length in bytes; length 0 when the bytes are no UTF-8.
struct Decoded {
  std::uint32_t code = 0;
  std::size_t length = 0;
};

Decoded decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::uint32_t first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return {};
  std::uint32_t code = first & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return {};
    code = (code << 6U) | (byte(i) & 0x3FU);
  }
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  if (overlong || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return {};
  return {code, length};
}

bool is_allowed(std::uint32_t code) {
  if (code < 0x20) return code == '\t' || code == '\n' || code == '\r';
  return (code != 0x7F && code < 0x80) || code == 0x85 || (code >= 0xA0 && code < 0xFFFE) ||
         code >= 0x10000;
}

Diagnostic syntax_error(Position position, std::string message, std::string hint) {
  return {position, Severity::error, std::move(message), std::move(hint), "syntax"};
}

Diagnostic forbidden(Position position, std::uint32_t code) {
  if (code == 0) {
    return syntax_error(position, "The file holds a NUL byte",
                        "save it as plain UTF-8 text; UTF-16 is not read");
  }
  char name[16];
  std::snprintf(name, sizeof name, "U+%04X", static_cast<unsigned>(code));
  return syntax_error(position, "The control character " + std::string(name) + " is not allowed",
                      "remove it, or write it as an escape in a double-quoted string");
}

}  // namespace

std::optional<Diagnostic> check_text(std::string_view text, const Limits& limits) {
  std::size_t units = 0;
  Position position{1, 1};
  while (!text.empty()) {
    const Decoded next = decode(text);
    if (next.length == 0) {
      return syntax_error(position, "The file is not valid UTF-8",
                          "save it as UTF-8; nothing else is read");
    }
    if (!is_allowed(next.code)) return forbidden(position, next.code);
    units += next.code >= 0x10000 ? 2 : 1;
    if (units > limits.characters) {
      return Diagnostic{{},
                        Severity::error,
                        "The maximum file size of " + std::to_string(limits.characters) +
                            " characters has been exceeded",
                        "",
                        "limit"};
    }
    text.remove_prefix(next.length);
    ++position.column;
    if (next.code == '\n') position = {position.line + 1, 1};
  }
  return std::nullopt;
}

}  // namespace gantry::core::yaml
