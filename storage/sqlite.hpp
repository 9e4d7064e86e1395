// SPDX-License-Identifier: MIT
// SQLite, thin: connections, cached statements, transactions. Everything throws core::Exception
// with the SQL and what SQLite said. A Database belongs to one thread at a time.
#pragma once

#include "core/base/ids.hpp"
#include "core/base/time.hpp"

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <memory>
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

// A prepared statement lent from the connection's cache; goes back, reset, on scope exit.
// Bound text must live until the statement has run. Move-only.
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
  Statement(Database& database, sqlite3_stmt* handle) : database_(&database), handle_(handle) {}

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

  Database* database_;
  sqlite3_stmt* handle_;
};

enum class Access { read_write, read_only };

// One connection: WAL, synchronous=FULL, foreign keys on, a small page cache. Move-only.
class Database {
 public:
  explicit Database(const std::filesystem::path& file, Access access = Access::read_write);
  Database(Database&&) noexcept;
  Database& operator=(Database&&) = delete;
  ~Database();

  Statement prepare(std::string_view sql);  // from the cache if it was seen before
  void execute(const std::string& script);  // any number of statements, no values
  std::int64_t last_insert_id() const;
  std::int64_t changed_rows() const;  // of the last INSERT, UPDATE or DELETE
  bool in_transaction() const;

 private:
  friend class Statement;
  struct Connection;
  std::unique_ptr<Connection> connection_;
};

// BEGIN IMMEDIATE (BEGIN on a read-only connection); inside another transaction a savepoint.
// Rolls back unless committed. Not copyable, not movable.
class Transaction {
 public:
  explicit Transaction(Database& database);
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();
  void commit();

 private:
  enum class Kind { outermost, savepoint };
  Database& database_;
  Kind kind_;
  bool is_open_ = true;
};

}  // namespace gantry::storage
