// SPDX-License-Identifier: MIT
#include "storage/outbox.hpp"

#include "core/base/error.hpp"
#include "fixture.hpp"

#include <doctest/doctest.h>

using namespace gantry;
using namespace gantry::storage;
using test::at;

namespace {

struct Outbox : test::Fixture {
  core::JobId job = add_job(add_run());
  void wants(std::string_view state, std::int64_t now) {
    want(db, OutboxKind::check_run, job, state, at(now));
  }
};

}  // namespace

TEST_CASE("outbox: a newer wanted state supersedes the one not sent") {
  Outbox f;
  f.wants("queued", 10);
  f.wants("in_progress", 20);
  const auto due = due_entries(f.db, at(20));
  REQUIRE(due.size() == 1);
  CHECK(due[0].wanted == "in_progress");
  CHECK(due[0].version == 2);
  CHECK(due[0].repo == f.repo);
  mark_sent(f.db, due[0].id, 2);
  CHECK(due_entries(f.db, at(99)).empty());
  CHECK_FALSE(next_due(f.db));
}

TEST_CASE("outbox: what is wanted while an older state is on its way stays due") {
  Outbox f;
  f.wants("queued", 10);
  const OutboxEntry sending = due_entries(f.db, at(10)).at(0);
  mark_uncertain(f.db, sending.id);
  f.wants("completed", 20);
  mark_created(f.db, sending.id, 777);
  mark_sent(f.db, sending.id, sending.version);
  const OutboxEntry entry = due_entries(f.db, at(20)).at(0);
  CHECK(entry.wanted == "completed");
  CHECK(entry.remote_id == 777);
  CHECK_FALSE(entry.is_uncertain);
  CHECK(find_entry_by_remote_id(f.db, OutboxKind::check_run, 777)->job == f.job);
  CHECK_FALSE(find_entry_by_remote_id(f.db, OutboxKind::commit_status, 777));
}

TEST_CASE("outbox: a create whose answer was lost is marked so after a restart") {
  Outbox f;
  f.wants("queued", 10);
  mark_uncertain(f.db, 1);
  Database again = f.open();
  CHECK(due_entries(again, at(10)).at(0).is_uncertain);
}

TEST_CASE("outbox: back-off holds while GitHub fails, also for newer states") {
  Outbox f;
  f.wants("queued", 10);
  mark_failed(f.db, 1, "502", at(500));
  f.wants("in_progress", 20);
  CHECK(due_entries(f.db, at(499)).empty());
  CHECK(next_due(f.db) == at(500));
  const OutboxEntry entry = due_entries(f.db, at(500)).at(0);
  CHECK(entry.attempts == 1);
  CHECK(entry.last_error == "502");
  mark_sent(f.db, 1, 2);
  CHECK(find_entry(f.db, 1)->attempts == 0);
}

TEST_CASE("outbox: a dead entry is kept for the operator and revived by a new state") {
  Outbox f;
  f.wants("queued", 10);
  mark_dead(f.db, 1, "403");
  CHECK(due_entries(f.db, at(99)).empty());
  REQUIRE(dead_entries(f.db).size() == 1);
  CHECK(dead_entries(f.db)[0].last_error == "403");
  f.wants("completed", 20);
  CHECK(due_entries(f.db, at(20)).size() == 1);
  CHECK(dead_entries(f.db).empty());
}

TEST_CASE("outbox: annotations sent only rise") {
  Outbox f;
  f.wants("completed", 10);
  mark_annotations_sent(f.db, 1, 50);
  mark_annotations_sent(f.db, 1, 20);
  CHECK(find_entry(f.db, OutboxKind::check_run, f.job)->annotations_sent == 50);
}

TEST_CASE("outbox: an unknown job or entry is an error") {
  Outbox f;
  CHECK_THROWS_WITH_AS(want(f.db, OutboxKind::check_run, core::JobId{99}, "x", at(1)),
                       "noting what to tell about job '99': there is no such job", core::Exception);
  CHECK_THROWS_WITH_AS(mark_sent(f.db, 99, 1), "updating outbox entry '99': there is no such entry",
                       core::Exception);
}
