// SPDX-License-Identifier: MIT
#include "storage/deliveries.hpp"

#include "core/base/error.hpp"
#include "fixture.hpp"

#include <doctest/doctest.h>

using namespace gantry;
using namespace gantry::storage;
using test::at;

namespace {

Delivery push(const std::string& guid, std::optional<core::RepoId> repo) {
  Delivery delivery{.guid = guid, .repo = repo, .event = "push"};
  delivery.payload = std::string("{\"zen\":\"\0\"}", 11);
  delivery.received_at = at(100);
  return delivery;
}

}  // namespace

TEST_CASE("deliveries: a GUID is stored once; the second time gives the first row") {
  test::Fixture f;
  const InsertedDelivery first = insert_delivery(f.db, push("g1", f.repo));
  CHECK(first.is_new);
  Delivery other = push("g1", f.repo);
  other.payload = "changed";
  const InsertedDelivery second = insert_delivery(f.db, other);
  CHECK_FALSE(second.is_new);
  CHECK(second.id == first.id);
  const auto found = find_delivery(f.db, "g1");
  REQUIRE(found);
  CHECK(found->payload == push("", {}).payload);
  CHECK(found->state == DeliveryState::received);
}

TEST_CASE("deliveries: what is not processed yet comes back in the order it came") {
  test::Fixture f;
  const auto a = insert_delivery(f.db, push("g1", f.repo)).id;
  const auto b = insert_delivery(f.db, push("g2", std::nullopt)).id;
  const auto c = insert_delivery(f.db, push("g3", f.repo)).id;
  finish_delivery(f.db, a, {.state = DeliveryState::ignored, .reason = "no workflow"}, at(200));
  const auto waiting = unprocessed_deliveries(f.db);
  REQUIRE(waiting.size() == 2);
  CHECK(waiting[0].id == b);
  CHECK(waiting[0].payload == push("", {}).payload);
  CHECK(waiting[1].id == c);
  CHECK(unprocessed_deliveries(f.db, b).size() == 1);
  CHECK(unprocessed_deliveries(f.db, c).empty());
  const auto ignored = find_delivery(f.db, a);
  CHECK(ignored->reason == "no workflow");
  CHECK(ignored->processed_at == at(200));
}

TEST_CASE("deliveries: why one waits is noted until it is finished") {
  test::Fixture f;
  const auto id = insert_delivery(f.db, push("g1", f.repo)).id;
  note_delivery(f.db, id, "nobody answers");
  CHECK(find_delivery(f.db, id)->reason == "nobody answers");
  CHECK(unprocessed_deliveries(f.db).size() == 1);
  finish_delivery(f.db, id, {.state = DeliveryState::failed, .reason = "given up"}, at(200));
  note_delivery(f.db, id, "too late");
  CHECK(find_delivery(f.db, id)->reason == "given up");
}

TEST_CASE("deliveries: the same event under another GUID is found by its meaning") {
  test::Fixture f;
  Delivery first = push("g1", f.repo);
  first.dedupe_key = "1/refs/heads/main/a1";
  Delivery second = push("g2", f.repo);
  second.dedupe_key = first.dedupe_key;
  const auto first_id = insert_delivery(f.db, first).id;
  const auto second_id = insert_delivery(f.db, second).id;
  CHECK_FALSE(find_same_meaning(f.db, first_id, *first.dedupe_key, at(0)));
  const auto same = find_same_meaning(f.db, second_id, *first.dedupe_key, at(0));
  REQUIRE(same);
  CHECK(same->id == first_id);
  CHECK_FALSE(find_same_meaning(f.db, second_id, *first.dedupe_key, at(101)));
}

TEST_CASE("deliveries: lists go back from the newest, without payloads") {
  test::Fixture f;
  for (int i = 0; i < 5; ++i)
    insert_delivery(f.db, push("g" + std::to_string(i), f.repo));
  const auto newest = list_deliveries(f.db, {}, 2);
  REQUIRE(newest.size() == 2);
  CHECK(newest[0].guid == "g4");
  CHECK(newest[0].payload.empty());
  const auto older = list_deliveries(f.db, newest[1].id, 2);
  REQUIRE(older.size() == 2);
  CHECK(older[0].guid == "g2");
}

TEST_CASE("deliveries: finishing one that does not exist is an error") {
  test::Fixture f;
  CHECK_THROWS_WITH_AS(finish_delivery(f.db, core::DeliveryId{9}, {}, at(1)),
                       "finishing delivery '9': there is no such delivery", core::Exception);
}
