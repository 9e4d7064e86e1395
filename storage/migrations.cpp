// SPDX-License-Identifier: MIT
#include "storage/migrations.hpp"

#include "core/base/error.hpp"

namespace gantry::storage {
namespace {

int schema_version(Database& database) {
  Statement statement = database.prepare("PRAGMA user_version");
  int version = 0;
  if (statement.next()) statement.read(version);
  return version;
}

}  // namespace

void migrate(Database& database, std::span<const Migration> known) {
  const int newest = known.empty() ? 0 : known.back().number;
  const int found = schema_version(database);
  if (found > newest) {
    throw core::Exception(core::Errc::conflict,
                          "opening the database: its schema is version " + std::to_string(found) +
                              ", this gantryd knows versions up to " + std::to_string(newest) +
                              "; run the newer gantryd or restore a backup");
  }
  for (const Migration& migration : known) {
    if (migration.number <= found) continue;
    Transaction transaction(database);
    database.execute(std::string(migration.sql));
    database.execute("PRAGMA user_version = " + std::to_string(migration.number));
    transaction.commit();
  }
}

std::string dump_schema(Database& database) {
  std::string dump;
  Statement statement = database.prepare(
      "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' "
      "ESCAPE '\\' ORDER BY name");
  while (statement.next()) {
    std::string sql;
    statement.read(sql);
    dump += sql + ";\n";
  }
  return dump;
}

}  // namespace gantry::storage
