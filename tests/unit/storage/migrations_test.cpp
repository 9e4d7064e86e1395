// SPDX-License-Identifier: MIT
#include "storage/migrations.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstdlib>

using namespace gantry;
using namespace gantry::storage;

namespace {

int version_of(Database& database) {
  Statement statement = database.prepare("PRAGMA user_version");
  int version = -1;
  if (statement.next()) statement.read(version);
  return version;
}

}  // namespace

TEST_CASE("migrations: all of them give schema.sql") {
  const core::TempDir dir;
  Database db(dir.path() / "a.db");
  migrate(db);
  const std::string golden = std::string(GANTRY_SOURCE_DIR) + "/storage/migrations/schema.sql";
  const std::string expected = core::read_file_if_exists(golden).value_or("");
  const std::string actual = dump_schema(db);
  if (actual != expected && std::getenv("UPDATE_GOLDEN") != nullptr) {
    core::write_file_atomic(golden, actual);
    FAIL("updated " << golden);
  }
  CHECK(actual == expected);
}

TEST_CASE("migrations: numbers have no gaps, and migrating again changes nothing") {
  int expected = 1;
  for (const Migration& migration : migrations())
    CHECK(migration.number == expected++);
  const core::TempDir dir;
  Database db(dir.path() / "a.db");
  migrate(db);
  migrate(db);
  CHECK(version_of(db) == migrations().back().number);
}

TEST_CASE("migrations: a newer database is refused with both numbers") {
  const core::TempDir dir;
  Database db(dir.path() / "a.db");
  db.execute("PRAGMA user_version = 7");
  const std::array<Migration, 1> known = {{{1, "CREATE TABLE a (x INTEGER) STRICT"}}};
  CHECK_THROWS_WITH_AS(migrate(db, known),
                       "opening the database: its schema is version 7, this gantryd knows versions "
                       "up to 1; run the newer gantryd or restore a backup",
                       core::Exception);
}

TEST_CASE("migrations: one that fails leaves the schema and number before it") {
  const core::TempDir dir;
  Database db(dir.path() / "a.db");
  const std::array<Migration, 2> broken = {
      {{1, "CREATE TABLE a (x INTEGER) STRICT"},
       {2, "CREATE TABLE b (x INTEGER) STRICT; CREATE TABLE b (x INTEGER) STRICT"}}};
  CHECK_THROWS_AS(migrate(db, broken), core::Exception);
  CHECK(version_of(db) == 1);
  CHECK(dump_schema(db) == "CREATE TABLE a (x INTEGER) STRICT;\n");
  const std::array<Migration, 2> mended = {{{1, ""}, {2, "CREATE TABLE b (x INTEGER) STRICT"}}};
  migrate(db, mended);
  CHECK(version_of(db) == 2);
}

TEST_CASE("migrations: a file of each earlier version comes up to the newest and keeps its rows") {
  for (std::size_t known = 1; known < migrations().size(); ++known) {
    const core::TempDir dir;
    {
      Database old(dir.path() / "a.db");
      migrate(old, migrations().first(known));
      old.execute(
          "INSERT INTO repositories (full_name, clone_url, default_branch, is_private, created_at, "
          "updated_at) VALUES ('octo/hello', 'https://example.test/octo/hello', 'main', 1, 1, 1)");
    }
    Database db(dir.path() / "a.db");
    migrate(db);
    CHECK(version_of(db) == migrations().back().number);
    Statement statement = db.prepare("SELECT full_name FROM repositories");
    REQUIRE(statement.next());
    std::string name;
    statement.read(name);
    CHECK(name == "octo/hello");
  }
}
