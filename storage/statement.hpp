// SPDX-License-Identifier: MIT
// A prepared statement: typed binding and reading. Made by Database::prepare.
#pragma once

#include "core/base/ids.hpp"
#include "core/base/time.hpp"

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

struct sqlite3_stmt;

namespace gantry::storage {

// Bytes bound as a BLOB.
struct Blob {
  std::string_view bytes;
};

class Database;
struct Connection;

// A prepared statement lent from the connection's cache; goes back, reset, on scope exit.
// The bytes of a bound Blob must live until it has run; text is copied. Must not outlive its
// Database. Move-only.
class Statement {
 public:
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement();

  // Values for ?1, ?2, …; all of them. Integers, text, Blob, ids, Timestamp, enums that have a
  // to_string, and optionals of these.
  template <class... T>
  Statement& bind(const T&... values) {
    int index = 0;
    (bind_value(++index, values), ...);
    check_bound(index);
    return *this;
  }

  // One value, for statements put together at run time.
  template <class T>
  void bind_at(int index, const T& value) {
    bind_value(index, value);
  }

  bool next();  // true: there is a row to read
  void run();   // to the end; rows are passed over
  // The columns of the row, from the first: types as for bind, std::string also for blobs.
  template <class... T>
  void read(T&... columns) const {
    int index = 0;
    (read_value(index++, columns), ...);
  }

 private:
  friend class Database;
  Statement(Connection& connection, sqlite3_stmt* handle)
      : connection_(&connection), handle_(handle) {}

  void bind_integer(int index, std::int64_t value);
  void bind_text(int index, std::string_view value);
  void bind_blob(int index, std::string_view value);
  void bind_null(int index);
  void check_bound(int count) const;
  std::int64_t integer(int column) const;
  std::string text(int column) const;
  bool is_null(int column) const;
  [[noreturn]] void refuse_word(int column) const;

  void bind_value(int index, std::integral auto value) {
    bind_integer(index, static_cast<std::int64_t>(value));
  }
  void bind_value(int index, std::string_view value) { bind_text(index, value); }
  void bind_value(int index, const Blob& value) { bind_blob(index, value.bytes); }
  template <class Tag>
  void bind_value(int index, core::Id<Tag> id) {
    bind_integer(index, id.value);
  }
  void bind_value(int index, core::Timestamp time) {
    bind_integer(index, time.time_since_epoch().count());
  }
  template <class Enum>
  requires std::is_enum_v<Enum>
  void bind_value(int index, Enum value) {
    bind_text(index, to_string(value));  // found by argument
  }
  template <class T>
  void bind_value(int index, const std::optional<T>& value) {
    value ? bind_value(index, *value) : bind_null(index);
  }

  template <std::integral T>
  void read_value(int column, T& out) const {
    out = static_cast<T>(integer(column));
  }
  void read_value(int column, std::string& out) const { out = text(column); }
  template <class Tag>
  void read_value(int column, core::Id<Tag>& out) const {
    out.value = integer(column);
  }
  void read_value(int column, core::Timestamp& out) const {
    out = core::Timestamp(std::chrono::milliseconds(integer(column)));
  }
  template <class Enum>
  requires std::is_enum_v<Enum>
  void read_value(int column, Enum& out) const {
    if (!parse(text(column), out)) refuse_word(column);  // found by argument
  }
  template <class T>
  void read_value(int column, std::optional<T>& out) const {
    out.reset();
    if (!is_null(column)) read_value(column, out.emplace());
  }

  Connection* connection_;
  sqlite3_stmt* handle_;  // null once moved from
};

}  // namespace gantry::storage
