// SPDX-License-Identifier: MIT
#include "daemon/runner/event_spool.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"

#include <doctest.h>

using namespace gantry;
using daemon::runner::EventSpool;

namespace {

proto::StepSummary summary(std::string text) {
  proto::StepSummary body;
  body.text = std::move(text);
  return body;
}

}  // namespace

TEST_CASE("events are numbered from 1 and stay until they are acknowledged") {
  core::TempDir folder;
  EventSpool spool(folder.path() / "events.ndjson");
  CHECK(spool.next_batch(1000).text.empty());
  CHECK(spool.append(summary("a"), core::Timestamp{}) == 1);
  CHECK(spool.append(summary("b"), core::Timestamp{}) == 2);
  CHECK(spool.append(summary("c"), core::Timestamp{}) == 3);
  CHECK(spool.next_batch(1000).last == 3);
  spool.acknowledge(2);
  const EventSpool::Batch rest = spool.next_batch(1000);
  CHECK(rest.last == 3);
  CHECK(proto::decode_runner_event(rest.text)->sequence == 3);
  spool.acknowledge(1);
  spool.acknowledge(9);
  CHECK(spool.acknowledged() == 2);
  spool.acknowledge(3);
  CHECK(spool.all_acknowledged());
  CHECK(spool.next_batch(1000).text.empty());
}

TEST_CASE("a batch holds whole events, at least one however small the limit") {
  core::TempDir folder;
  EventSpool spool(folder.path() / "events.ndjson");
  spool.append(summary(std::string(6000, 'x')), core::Timestamp{});
  spool.append(summary(std::string(6000, 'y')), core::Timestamp{});
  const EventSpool::Batch batch = spool.next_batch(10);
  CHECK(batch.last == 1);
  CHECK(batch.text.back() == '\n');
}

TEST_CASE("a job folder that has events already is not run again") {
  core::TempDir folder;
  { EventSpool spool(folder.path() / "events.ndjson"); }
  CHECK_THROWS_AS(EventSpool(folder.path() / "events.ndjson"), core::Exception);
}
