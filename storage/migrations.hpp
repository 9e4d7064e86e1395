// SPDX-License-Identifier: MIT
// The schema, as numbered scripts built into the binary. Forward only.
#pragma once

#include "storage/sqlite.hpp"

#include <span>
#include <string>
#include <string_view>

namespace gantry::storage {

struct Migration {
  int number = 0;
  std::string_view sql;
};

// In order, numbered from 1 without gaps.
std::span<const Migration> migrations();

// Brings the database to the newest schema, each script in one transaction with its number in
// `PRAGMA user_version`. A database newer than `known` is refused with both numbers.
void migrate(Database& database, std::span<const Migration> known = migrations());

// Every table, index and trigger as text, sorted: for comparison with migrations/schema.sql.
std::string dump_schema(Database& database);

}  // namespace gantry::storage
