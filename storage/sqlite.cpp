// SPDX-License-Identifier: MIT
#include "storage/sqlite.hpp"

#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "core/base/text.hpp"

#include <sqlite3.h>

#include <unordered_map>
#include <utility>
#include <vector>

namespace gantry::storage {

// The connection proper, at an address that statements can keep.
struct Connection {
  sqlite3* handle = nullptr;
  Access access = Access::read_write;
  std::size_t cached = 0;
  std::unordered_map<std::string, std::vector<sqlite3_stmt*>> idle;  // by SQL

  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() {
    for (const auto& [sql, statements] : idle) {
      for (sqlite3_stmt* statement : statements)
        sqlite3_finalize(statement);
    }
    sqlite3_close_v2(handle);
  }
};

namespace {

constexpr std::size_t kMostCached = 96;

core::Errc code_of(int result) {
  switch (result & 0xff) {
    case SQLITE_CONSTRAINT:
      return core::Errc::conflict;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return core::Errc::unavailable;
    case SQLITE_TOOBIG:
      return core::Errc::too_large;
    case SQLITE_MISUSE:
    case SQLITE_RANGE:
    case SQLITE_ERROR:
      return core::Errc::internal;
    default:
      return core::Errc::io;
  }
}

const char* advice(int result) {
  switch (result & 0xff) {
    case SQLITE_FULL:
      return "; free some space for the state folder";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return "; restore it from a backup";
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
      return "; check owner and mode of the state folder";
    default:
      return "";
  }
}

[[noreturn]] void refuse(sqlite3* handle, int result, const std::string& doing) {
  std::string why = sqlite3_errstr(result);
  // The connection's text says more, if it is about this error.
  if (handle != nullptr && sqlite3_extended_errcode(handle) == result) why = sqlite3_errmsg(handle);
  throw core::Exception(code_of(result), doing + ": " + why + advice(result));
}

std::string running(std::string_view sql) {
  return "running SQL '" + core::cut_utf8(sql, 160) + "'";
}

[[noreturn]] void refuse(sqlite3_stmt* statement, int result) {
  refuse(sqlite3_db_handle(statement), result, running(sqlite3_sql(statement)));
}

void check_bind(sqlite3_stmt* statement, int result) {
  if (result != SQLITE_OK) refuse(statement, result);
}

constexpr const char* kSettings =
    "PRAGMA synchronous = FULL;"
    "PRAGMA foreign_keys = ON;"
    "PRAGMA trusted_schema = OFF;"
    "PRAGMA temp_store = MEMORY;"
    // Not mapped: a disk error would be a SIGBUS, and mapped pages count as our memory.
    "PRAGMA mmap_size = 0;"
    "PRAGMA cache_size = -1024;"
    "PRAGMA journal_size_limit = 16777216;";
constexpr int kBusyTimeoutMillis = 5000;

void set_up(Database& database, const std::filesystem::path& file) {
  database.execute(kSettings);
  if (database.access() == Access::read_only) {
    database.execute("PRAGMA query_only = ON");
    return;
  }
  Statement statement = database.prepare("PRAGMA journal_mode = WAL");
  std::string mode;
  if (statement.next()) statement.read(mode);
  if (mode != "wal") {
    throw core::Exception(core::Errc::io, "opening database '" + file.string() +
                                              "': the file system gives no write-ahead log; "
                                              "put the state folder on a local disk");
  }
}

}  // namespace

Statement::Statement(Statement&& other) noexcept
    : connection_(other.connection_), handle_(std::exchange(other.handle_, nullptr)) {}

Statement::~Statement() {
  if (handle_ == nullptr) return;
  sqlite3_reset(handle_);  // repeats the error of the last step, which was thrown there
  sqlite3_clear_bindings(handle_);
  if (connection_->cached >= kMostCached) {
    sqlite3_finalize(handle_);
    return;
  }
  connection_->idle[sqlite3_sql(handle_)].push_back(handle_);
  ++connection_->cached;
}

void Statement::bind_integer(int index, std::int64_t value) {
  check_bind(handle_, sqlite3_bind_int64(handle_, index, value));
}

void Statement::bind_text(int index, std::string_view value) {
  const char* data = value.empty() ? "" : value.data();  // a null pointer would be NULL
  check_bind(handle_, sqlite3_bind_text64(handle_, index, data, value.size(), SQLITE_TRANSIENT,
                                          SQLITE_UTF8));
}

void Statement::bind_blob(int index, std::string_view value) {
  const char* data = value.empty() ? "" : value.data();
  check_bind(handle_, sqlite3_bind_blob64(handle_, index, data, value.size(), SQLITE_STATIC));
}

void Statement::bind_null(int index) {
  check_bind(handle_, sqlite3_bind_null(handle_, index));
}

void Statement::check_bound(int count) const {
  if (sqlite3_bind_parameter_count(handle_) != count) refuse(handle_, SQLITE_RANGE);
}

bool Statement::next() {
  const int result = sqlite3_step(handle_);
  if (result != SQLITE_ROW && result != SQLITE_DONE) refuse(handle_, result);
  return result == SQLITE_ROW;
}

void Statement::run() {
  while (next()) {
  }
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(handle_, column) == SQLITE_NULL;
}

std::int64_t Statement::integer(int column) const {
  if (sqlite3_column_type(handle_, column) != SQLITE_INTEGER) refuse_word(column);
  return sqlite3_column_int64(handle_, column);
}

std::string Statement::text(int column) const {
  if (is_null(column)) refuse_word(column);
  const void* data = sqlite3_column_blob(handle_, column);  // also right for TEXT
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(handle_, column));
  return size == 0 ? std::string() : std::string(static_cast<const char*>(data), size);
}

void Statement::refuse_word(int column) const {
  const char* name = sqlite3_column_name(handle_, column);
  throw core::Exception(core::Errc::internal,
                        running(sqlite3_sql(handle_)) + ": column " + std::to_string(column) +
                            " '" + (name != nullptr ? name : "") + "' holds an unexpected value");
}

Database::Database(const std::filesystem::path& file, Access access)
    : connection_(std::make_unique<Connection>()) {
  connection_->access = access;
  const int how = access == Access::read_only ? SQLITE_OPEN_READONLY
                                              : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  const int result = sqlite3_open_v2(file.c_str(), &connection_->handle,
                                     how | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  const std::string doing = "opening database '" + file.string() + "'";
  if (result != SQLITE_OK) refuse(connection_->handle, result, doing);
  sqlite3_busy_timeout(connection_->handle, kBusyTimeoutMillis);
  try {
    set_up(*this, file);
  } catch (const core::Exception& exception) {
    core::Error error = exception.error();
    throw core::Exception(std::move(error).while_doing(doing));
  }
}

Database::Database(Database&&) noexcept = default;
Database::~Database() = default;

Statement Database::prepare(std::string_view sql) {
  const std::string key(sql);
  const auto found = connection_->idle.find(key);
  if (found != connection_->idle.end() && !found->second.empty()) {
    sqlite3_stmt* statement = found->second.back();
    found->second.pop_back();
    --connection_->cached;
    return {*connection_, statement};
  }
  sqlite3_stmt* statement = nullptr;
  const int result =
      sqlite3_prepare_v3(connection_->handle, key.c_str(), static_cast<int>(key.size() + 1),
                         SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (result != SQLITE_OK) refuse(connection_->handle, result, running(sql));
  return {*connection_, statement};
}

void Database::execute(const std::string& script) {
  const int result = sqlite3_exec(connection_->handle, script.c_str(), nullptr, nullptr, nullptr);
  if (result != SQLITE_OK) refuse(connection_->handle, result, running(script));
}

std::int64_t Database::last_insert_id() const {
  return sqlite3_last_insert_rowid(connection_->handle);
}
std::int64_t Database::changed_rows() const {
  return sqlite3_changes64(connection_->handle);
}
bool Database::in_transaction() const {
  return sqlite3_get_autocommit(connection_->handle) == 0;
}
Access Database::access() const {
  return connection_->access;
}

Transaction::Transaction(Database& database)
    : database_(database), kind_(database.in_transaction() ? Kind::savepoint : Kind::outermost) {
  if (kind_ == Kind::savepoint) {
    database_.prepare("SAVEPOINT inner_part").run();
  } else if (database_.access() == Access::read_only) {
    database_.prepare("BEGIN").run();
  } else {
    database_.prepare("BEGIN IMMEDIATE").run();
  }
}

void Transaction::commit() {
  database_.prepare(kind_ == Kind::savepoint ? "RELEASE inner_part" : "COMMIT").run();
  is_open_ = false;
}

Transaction::~Transaction() {
  // A full disk makes SQLite roll everything back by itself.
  if (!is_open_ || !database_.in_transaction()) return;
  try {
    if (kind_ == Kind::outermost) {
      database_.prepare("ROLLBACK").run();
    } else {
      database_.prepare("ROLLBACK TO inner_part").run();
      database_.prepare("RELEASE inner_part").run();
    }
  } catch (const core::Exception& exception) {
    core::log::error("rolling back", {{"error", exception.what()}});
  }
}

}  // namespace gantry::storage
