// SPDX-License-Identifier: MIT
// The operator's log. A fixed phrase, data in fields: log::info("job started", {{"job", 3}}).
// error = act now; warn = degraded; info = lifecycle; debug = detail. Never tokens or payload
// bodies. Safe from any thread; never throws. Goes nowhere until set_sink (done once in main).
#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

namespace gantry::core::log {

enum class Level { debug, info, warn, error };

struct Field {
  std::string_view key;
  std::string value;

  Field(std::string_view k, std::string v) : key(k), value(std::move(v)) {}
  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const char* v) : key(k), value(v) {}
  template <std::integral T>
  Field(std::string_view k, T v) : key(k), value(std::to_string(v)) {}
};

// `text` is the whole message: phrase, then key=value fields, values quoted where needed.
using Sink = void (*)(Level level, std::string_view text);
void set_sink(Sink sink, Level lowest);
// Changes the lowest level written; used on reload.
void set_level(Level lowest);

void write(Level level, std::string_view phrase, std::initializer_list<Field> fields) noexcept;

inline void debug(std::string_view phrase, std::initializer_list<Field> fields = {}) noexcept {
  write(Level::debug, phrase, fields);
}
inline void info(std::string_view phrase, std::initializer_list<Field> fields = {}) noexcept {
  write(Level::info, phrase, fields);
}
inline void warn(std::string_view phrase, std::initializer_list<Field> fields = {}) noexcept {
  write(Level::warn, phrase, fields);
}
inline void error(std::string_view phrase, std::initializer_list<Field> fields = {}) noexcept {
  write(Level::error, phrase, fields);
}

}  // namespace gantry::core::log
