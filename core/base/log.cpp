// SPDX-License-Identifier: MIT
#include "core/base/log.hpp"

#include <atomic>
#include <exception>

namespace gantry::core::log {
namespace {

std::atomic<Sink> g_sink{nullptr};
std::atomic<Level> g_lowest{Level::info};

bool needs_quotes(std::string_view value) {
  if (value.empty()) return true;
  for (const char c : value) {
    if (c <= ' ' || c == '"' || c == '\\' || c == '=' || c == 0x7F) return true;
  }
  return false;
}

// One line whatever the value holds, so that a value cannot forge a log line.
void append_value(std::string& text, std::string_view value) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  if (!needs_quotes(value)) {
    text += value;
    return;
  }
  text += '"';
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      text += '\\';
      text += c;
    } else if (c == '\n') {
      text += "\\n";
    } else if (byte < 0x20 || byte == 0x7F) {
      text += "\\x";
      text += kHex[byte >> 4U];
      text += kHex[byte & 15U];
    } else {
      text += c;
    }
  }
  text += '"';
}

}  // namespace

void set_sink(Sink sink, Level lowest) {
  g_lowest = lowest;
  g_sink = sink;
}

void set_level(Level lowest) {
  g_lowest = lowest;
}

void write(Level level, std::string_view phrase, std::initializer_list<Field> fields) noexcept {
  const Sink sink = g_sink;
  if (sink == nullptr || level < g_lowest) return;
  try {
    std::string text(phrase);
    for (const Field& field : fields) {
      text += ' ';
      text += field.key;
      text += '=';
      append_value(text, field.value);
    }
    sink(level, text);
  } catch (const std::exception&) {
    sink(level, phrase);  // out of memory while formatting: the phrase alone needs none
  }
}

}  // namespace gantry::core::log
