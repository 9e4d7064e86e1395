// SPDX-License-Identifier: MIT
#include "daemon/control/db_thread.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "daemon/async/runtime.hpp"
#include "storage/deliveries.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mount.h>

#include <chrono>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace gantry;
using daemon::async::Runtime;
using daemon::async::Task;
using daemon::async::TaskGroup;
using daemon::control::DbThread;
using storage::Database;

namespace {

// A folder on a small tmpfs of its own, if we may mount.
struct SmallDisk {
  core::TempDir dir;
  bool is_mounted =
      ::mount("gantry-test", dir.path().c_str(), "tmpfs", 0, "size=2m,mode=0700") == 0;
  SmallDisk() = default;
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    if (is_mounted) ::umount2(dir.path().c_str(), MNT_DETACH);
  }
};

storage::InsertedDelivery add(Database& db, const std::string& guid,
                              const std::string& payload = "{}") {
  storage::Delivery delivery{.guid = guid, .event = "push"};
  delivery.payload = payload;
  return insert_delivery(db, delivery);
}

std::size_t count(Database& db) {
  return list_deliveries(db, {}, 1000).size();
}

bool is_ready(const std::future<void>& future) {
  return future.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

// Holds the writer until opened, so that what is submitted meanwhile forms one group.
struct Gate {
  std::promise<void> started, open;
  std::future<void> held;
  explicit Gate(DbThread& db) {
    held = db.submit([this](Database&) {
      started.set_value();
      open.get_future().wait();
    });
    started.get_future().wait();  // else it would be of the group itself
  }
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  ~Gate() {
    open.set_value();
    held.wait();
  }
};

}  // namespace

TEST_CASE("db thread: a coroutine gets what its closure returns, or what it throws") {
  const core::TempDir dir;
  Runtime runtime;
  DbThread db(dir.path() / "a.db");
  std::size_t rows = 0;
  std::string error;
  const auto story = [&]() -> Task<> {
    const storage::InsertedDelivery first =
        co_await db.write([&](Database& d) { return add(d, "g1"); });
    CHECK(first.is_new);
    try {
      co_await db.write([&](Database& d) {
        add(d, "g2");
        throw std::runtime_error("no");
      });
    } catch (const std::runtime_error& exception) {
      error = exception.what();
    }
    rows = co_await db.read([&](Database& d) { return count(d); });
  };
  run_to_end(runtime, story());
  CHECK(error == "no");
  CHECK(rows == 1);
}

TEST_CASE("db thread: a reader refuses to write") {
  const core::TempDir dir;
  DbThread db(dir.path() / "a.db");
  CHECK_THROWS_AS(db.submit_read([](Database& d) { return add(d, "g"); }).get(), core::Exception);
}

TEST_CASE("db thread: a group is one commit, seen and answered only when it is made") {
  const core::TempDir dir;
  DbThread db(dir.path() / "a.db");
  std::future<void> first, second;
  std::promise<void> second_runs, go_on;
  {
    const Gate gate(db);
    first = db.submit([](Database& d) { add(d, "g1"); });
    second = db.submit([&](Database& d) {
      add(d, "g2");
      second_runs.set_value();
      go_on.get_future().wait();
    });
  }
  second_runs.get_future().wait();
  CHECK_FALSE(is_ready(first));
  CHECK(db.submit_read(count).get() == 0);  // did not wait for the writer
  go_on.set_value();
  first.get();
  second.get();
  CHECK(db.submit_read(count).get() == 2);
}

TEST_CASE("db thread: one failing closure of a group undoes only itself") {
  const core::TempDir dir;
  DbThread db(dir.path() / "a.db");
  std::vector<std::future<void>> results;
  {
    const Gate gate(db);
    for (int i = 0; i < 20; ++i) {
      results.push_back(db.submit([i](Database& d) {
        add(d, "g" + std::to_string(i));
        if (i % 5 == 0) throw std::runtime_error("closure failed");
      }));
    }
  }
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (i % 5 == 0) {
      CHECK_THROWS_WITH_AS(results[i].get(), "closure failed", std::runtime_error);
    } else {
      CHECK_NOTHROW(results[i].get());
    }
  }
  CHECK(db.submit_read(count).get() == 16);
}

TEST_CASE("db thread: a cancelled task still waits for its closure") {
  const core::TempDir dir;
  Runtime runtime;
  DbThread db(dir.path() / "a.db");
  std::promise<void> started, go_on;
  bool finished = false;
  bool went_past = false;
  TaskGroup tasks(runtime.executor());
  const auto work = [&]() -> Task<> {
    co_await db.write([&](Database& d) {
      started.set_value();
      go_on.get_future().wait();
      add(d, "g");
      finished = true;
    });
    went_past = finished;
  };
  const auto story = [&]() -> Task<> {
    tasks.spawn("work", work());
    co_await daemon::async::sleep_for(std::chrono::milliseconds(0));
    started.get_future().wait();
    tasks.cancel();
    go_on.set_value();
    co_await tasks.join();
  };
  run_to_end(runtime, story());
  CHECK(finished);
  CHECK(went_past);
}

TEST_CASE("db thread: closing carries out what is queued") {
  const core::TempDir dir;
  std::future<void> last;
  {
    DbThread db(dir.path() / "a.db");
    for (int i = 0; i < 600; ++i) {
      last = db.submit([i](Database& d) { add(d, std::to_string(i)); });
    }
  }
  REQUIRE(is_ready(last));
  Database db(dir.path() / "a.db");
  CHECK(count(db) == 600);
}

TEST_CASE("db thread: a full disk fails what cannot be stored, and the thread goes on") {
  const SmallDisk disk;
  if (!disk.is_mounted) {
    MESSAGE("skipped: may not mount a tmpfs here");
    return;
  }
  DbThread db(disk.dir.path() / "a.db");
  db.submit([](Database& d) { add(d, "before"); }).get();
  const core::fs::path filler = disk.dir.path() / "filler";
  std::string bytes(4 << 20, 'x');
  CHECK_THROWS_AS(
      core::write_all(
          core::UniqueFd(::open(filler.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)).get(),
          bytes),
      core::Exception);
  std::vector<std::future<void>> lost;
  {
    const Gate gate(db);
    for (int i = 0; i < 3; ++i) {
      lost.push_back(db.submit(
          [i](Database& d) { add(d, "lost" + std::to_string(i), std::string(100'000, 'p')); }));
    }
  }
  for (std::future<void>& future : lost) {
    CHECK_THROWS_WITH_AS(future.get(), doctest::Contains("free some space for the state folder"),
                         core::Exception);
  }
  CHECK(db.submit_read(count).get() == 1);
  core::fs::remove(filler);
  db.submit([](Database& d) { add(d, "after"); }).get();
  CHECK(db.submit_read(count).get() == 2);
}

TEST_CASE("db thread: one commit for many closures") {
  const core::TempDir dir;
  DbThread db(dir.path() / "a.db");
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::future<void>> results;
  constexpr int kRows = 20'000;
  for (int i = 0; i < kRows; ++i) {
    results.push_back(db.submit([i](Database& d) { add(d, std::to_string(i)); }));
  }
  for (std::future<void>& result : results)
    result.get();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  MESSAGE("durable closures/s: " << kRows / took.count());
  CHECK(results.size() == kRows);
}
