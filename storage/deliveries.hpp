// SPDX-License-Identifier: MIT
// The inbox of webhooks: each is stored before it is acknowledged, and taken in order.
#pragma once

#include "storage/sqlite.hpp"

#include <vector>

namespace gantry::storage {

enum class DeliveryState { received, processed, ignored, failed };
std::string_view to_string(DeliveryState state);
[[nodiscard]] bool parse(std::string_view text, DeliveryState& out);

struct Delivery {
  core::DeliveryId id;
  std::string guid;
  std::optional<core::RepoId> repo;  // none: of no repository we serve
  std::string event;
  std::string action;
  std::string headers = "{}";  // JSON: those that are needed later
  // What it means, whatever its GUID: a repository hook and an App hook send the same event twice.
  std::optional<std::string> dedupe_key;
  DeliveryState state = DeliveryState::received;
  std::string reason;            // why it was ignored, failed, or waits
  std::string decisions = "[]";  // JSON: what the triggers said about each workflow
  core::Timestamp received_at;
  std::optional<core::Timestamp> processed_at;
  std::string payload;  // the JSON document; left empty by lists
};

struct InsertedDelivery {
  core::DeliveryId id;
  bool is_new = false;  // false: the GUID was there already, nothing was changed
};
InsertedDelivery insert_delivery(Database& database, const Delivery& delivery);

std::optional<Delivery> find_delivery(Database& database, core::DeliveryId id);
std::optional<Delivery> find_delivery(Database& database, std::string_view guid);
// The newest one before `id` with this key, received at or after `since`; without payload.
std::optional<Delivery> find_same_meaning(Database& database, core::DeliveryId id,
                                          std::string_view dedupe_key, core::Timestamp since);

// Unprocessed deliveries in the order they came, those after `after`, with payload.
std::vector<Delivery> unprocessed_deliveries(Database& database, core::DeliveryId after = {},
                                             int limit = 100);

struct DeliveryOutcome {
  DeliveryState state = DeliveryState::processed;
  std::string reason;
  std::string decisions = "[]";
};
void finish_delivery(Database& database, core::DeliveryId id, const DeliveryOutcome& outcome,
                     core::Timestamp now);

// Why a delivery that is not finished has to wait.
void note_delivery(Database& database, core::DeliveryId id, const std::string& reason);

// Newest first, those before `before` (0: from the newest), without payload.
std::vector<Delivery> list_deliveries(Database& database, core::DeliveryId before = {},
                                      int limit = 30);

}  // namespace gantry::storage
