// SPDX-License-Identifier: MIT
#include "storage/deliveries.hpp"

#include "core/base/error.hpp"
#include "storage/words.hpp"

#include <limits>

namespace gantry::storage {
namespace {

constexpr std::array<std::string_view, 4> kStates = {"received", "processed", "ignored", "failed"};

// Without the payload, which is last in the row and may be large.
constexpr std::string_view kSelect =
    "SELECT id, guid, repo_id, event, action, headers, dedupe_key, state, reason, decisions, "
    "received_at, processed_at FROM deliveries ";
constexpr std::string_view kSelectWithPayload =
    "SELECT id, guid, repo_id, event, action, headers, dedupe_key, state, reason, decisions, "
    "received_at, processed_at, payload FROM deliveries ";

template <class... More>
Delivery read_delivery(const Statement& row, More Delivery::*... more) {
  Delivery d;
  row.read(d.id, d.guid, d.repo, d.event, d.action, d.headers, d.dedupe_key, d.state, d.reason,
           d.decisions, d.received_at, d.processed_at, d.*more...);
  return d;
}

std::optional<Delivery> first_with_payload(Statement& statement) {
  if (!statement.next()) return std::nullopt;
  return read_delivery(statement, &Delivery::payload);
}

}  // namespace

std::string_view to_string(DeliveryState state) {
  return word_of(kStates, state);
}
bool parse(std::string_view text, DeliveryState& out) {
  return parse_word(kStates, text, out);
}

InsertedDelivery insert_delivery(Database& database, const Delivery& delivery) {
  InsertedDelivery inserted;
  {
    Statement insert = database.prepare(
        "INSERT INTO deliveries (guid, repo_id, event, action, headers, dedupe_key, state, reason, "
        "decisions, received_at, processed_at, payload) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) "
        "ON CONFLICT (guid) DO NOTHING RETURNING id");
    insert.bind(delivery.guid, delivery.repo, delivery.event, delivery.action, delivery.headers,
                delivery.dedupe_key, delivery.state, delivery.reason, delivery.decisions,
                delivery.received_at, delivery.processed_at, Blob{delivery.payload});
    inserted.is_new = insert.next();
    if (inserted.is_new) insert.read(inserted.id);
    insert.run();
  }
  if (inserted.is_new) return inserted;
  Statement select = database.prepare("SELECT id FROM deliveries WHERE guid = ?1");
  if (select.bind(delivery.guid).next()) select.read(inserted.id);
  return inserted;
}

std::optional<Delivery> find_delivery(Database& database, core::DeliveryId id) {
  Statement statement = database.prepare(std::string(kSelectWithPayload).append("WHERE id = ?1"));
  return first_with_payload(statement.bind(id));
}

std::optional<Delivery> find_delivery(Database& database, std::string_view guid) {
  Statement statement = database.prepare(std::string(kSelectWithPayload).append("WHERE guid = ?1"));
  return first_with_payload(statement.bind(guid));
}

std::optional<Delivery> find_same_meaning(Database& database, core::DeliveryId id,
                                          std::string_view dedupe_key, core::Timestamp since) {
  Statement statement = database.prepare(std::string(kSelect).append(
      "WHERE dedupe_key = ?1 AND id < ?2 AND received_at >= ?3 ORDER BY id DESC LIMIT 1"));
  if (!statement.bind(dedupe_key, id, since).next()) return std::nullopt;
  return read_delivery(statement);
}

std::vector<Delivery> unprocessed_deliveries(Database& database, core::DeliveryId after,
                                             int limit) {
  Statement statement = database.prepare(std::string(kSelectWithPayload)
                                             .append("WHERE state = 'received' AND id > ?1 "
                                                     "ORDER BY id LIMIT ?2"));
  statement.bind(after, limit);
  std::vector<Delivery> deliveries;
  while (auto delivery = first_with_payload(statement)) {
    deliveries.push_back(std::move(*delivery));
  }
  return deliveries;
}

void finish_delivery(Database& database, core::DeliveryId id, const DeliveryOutcome& outcome,
                     core::Timestamp now) {
  database
      .prepare(
          "UPDATE deliveries SET state = ?2, reason = ?3, decisions = ?4, processed_at = ?5 "
          "WHERE id = ?1")
      .bind(id, outcome.state, outcome.reason, outcome.decisions, now)
      .run();
  if (database.changed_rows() == 0) {
    throw core::Exception(core::Errc::not_found, "finishing delivery '" + std::to_string(id.value) +
                                                     "': there is no such delivery");
  }
}

void note_delivery(Database& database, core::DeliveryId id, const std::string& reason) {
  database.prepare("UPDATE deliveries SET reason = ?2 WHERE id = ?1 AND state = ?3")
      .bind(id, reason, DeliveryState::received)
      .run();
}

std::vector<Delivery> list_deliveries(Database& database, core::DeliveryId before, int limit) {
  Statement statement =
      database.prepare(std::string(kSelect).append("WHERE id < ?1 ORDER BY id DESC LIMIT ?2"));
  // An OR in the condition would cost the search by id.
  const core::DeliveryId end{before ? before.value : std::numeric_limits<std::int64_t>::max()};
  statement.bind(end, limit);
  std::vector<Delivery> deliveries;
  while (statement.next())
    deliveries.push_back(read_delivery(statement));
  return deliveries;
}

}  // namespace gantry::storage
