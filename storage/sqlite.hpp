// SPDX-License-Identifier: MIT
// SQLite, thin: connections, cached statements, transactions. Everything throws core::Exception
// with the SQL and what SQLite said. A Database belongs to one thread at a time.
#pragma once

#include "storage/statement.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace gantry::storage {

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
  Access access() const;

 private:
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
