// SPDX-License-Identifier: MIT
#include "storage/sqlite.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"

#include <doctest/doctest.h>

using namespace gantry;
using storage::Database;
using storage::Transaction;

namespace {

struct Table {
  core::TempDir dir;
  Database db{dir.path() / "t.db"};
  Table() { db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, word TEXT) STRICT"); }
  void add(std::string_view word) {
    db.prepare("INSERT INTO t (word) VALUES (?1)").bind(word).run();
  }
  int count() {
    storage::Statement statement = db.prepare("SELECT count(*) FROM t");
    int count = 0;
    if (statement.next()) statement.read(count);
    return count;
  }
};

}  // namespace

TEST_CASE("sqlite: a transaction that is not committed leaves nothing") {
  Table t;
  {
    const Transaction transaction(t.db);
    t.add("a");
  }
  CHECK(t.count() == 0);
  CHECK_FALSE(t.db.in_transaction());
}

TEST_CASE("sqlite: an inner transaction rolls back alone") {
  Table t;
  Transaction outer(t.db);
  t.add("kept");
  {
    const Transaction inner(t.db);
    t.add("dropped");
  }
  {
    Transaction inner(t.db);
    t.add("kept too");
    inner.commit();
  }
  outer.commit();
  CHECK(t.count() == 2);
}

TEST_CASE("sqlite: an error names the SQL and the reason") {
  Table t;
  CHECK_THROWS_WITH_AS(t.db.prepare("SELECT absent FROM t"),
                       "running SQL 'SELECT absent FROM t': no such column: absent",
                       core::Exception);
  t.db.execute("CREATE UNIQUE INDEX one_word ON t (word)");
  t.add("a");
  try {
    t.add("a");
    FAIL("a duplicate was accepted");
  } catch (const core::Exception& exception) {
    CHECK(exception.error().code == core::Errc::conflict);
    CHECK(exception.error().message ==
          "running SQL 'INSERT INTO t (word) VALUES (?1)': UNIQUE constraint failed: t.word");
  }
}

TEST_CASE("sqlite: a forgotten value is an error, not NULL") {
  Table t;
  CHECK_THROWS_AS(t.db.prepare("INSERT INTO t (id, word) VALUES (?1, ?2)").bind(1),
                  core::Exception);
}

TEST_CASE("sqlite: NULL is read only into an optional") {
  Table t;
  t.db.prepare("INSERT INTO t (word) VALUES (?1)").bind(std::optional<std::string>()).run();
  storage::Statement row = t.db.prepare("SELECT word FROM t");
  REQUIRE(row.next());
  std::string word;
  CHECK_THROWS_WITH_AS(row.read(word), doctest::Contains("column 0 'word' holds an unexpected"),
                       core::Exception);
  std::optional<std::string> maybe = "x";
  row.read(maybe);
  CHECK_FALSE(maybe);
}

TEST_CASE("sqlite: empty text is not NULL and NUL bytes pass") {
  Table t;
  t.add({});
  t.add(std::string_view("a\0b", 3));
  storage::Statement rows = t.db.prepare("SELECT word FROM t ORDER BY id");
  std::string word = "x";
  REQUIRE(rows.next());
  rows.read(word);
  CHECK(word.empty());
  REQUIRE(rows.next());
  rows.read(word);
  CHECK(word == std::string_view("a\0b", 3));
}

TEST_CASE("sqlite: a statement in use is not handed out twice") {
  Table t;
  t.add("a");
  t.add("b");
  constexpr std::string_view sql = "SELECT id FROM t ORDER BY id";
  storage::Statement first = t.db.prepare(sql);
  REQUIRE(first.next());
  storage::Statement second = t.db.prepare(sql);
  REQUIRE(second.next());
  int one = 0, other = 0;
  REQUIRE(first.next());
  first.read(one);
  second.read(other);
  CHECK(one == 2);
  CHECK(other == 1);
}

TEST_CASE("sqlite: a read-only connection sees commits and refuses writes") {
  Table t;
  Database reader(t.dir.path() / "t.db", storage::Access::read_only);
  t.add("a");
  storage::Statement count = reader.prepare("SELECT count(*) FROM t");
  REQUIRE(count.next());
  int rows = 0;
  count.read(rows);
  CHECK(rows == 1);
  CHECK_THROWS_AS(reader.execute("DELETE FROM t"), core::Exception);
}

TEST_CASE("sqlite: a file that is no database is refused with advice") {
  const core::TempDir dir;
  core::write_file_atomic(dir.path() / "x.db", std::string(4096, 'x'));
  CHECK_THROWS_WITH_AS(Database(dir.path() / "x.db"),
                       doctest::Contains("file is not a database; restore it from a backup"),
                       core::Exception);
  CHECK_THROWS_WITH_AS(Database(dir.path() / "absent" / "x.db"),
                       doctest::Contains("check owner and mode of the state folder"),
                       core::Exception);
}
