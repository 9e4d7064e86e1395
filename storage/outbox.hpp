// SPDX-License-Identifier: MIT
// What GitHub shall be told: one row for each check run or commit status, holding the newest
// wanted state. Written in the transaction that changes the job; drained by the reporter.
#pragma once

#include "storage/sqlite.hpp"

#include <vector>

namespace gantry::storage {

enum class OutboxKind { check_run, commit_status };
std::string_view to_string(OutboxKind kind);
[[nodiscard]] bool parse(std::string_view text, OutboxKind& out);

struct OutboxEntry {
  std::int64_t id = 0;
  OutboxKind kind = OutboxKind::check_run;
  core::JobId job;
  core::RepoId repo;
  std::string wanted;  // JSON
  std::int64_t version = 0;
  std::int64_t sent_version = 0;
  std::optional<std::int64_t> remote_id;
  std::int64_t annotations_sent = 0;
  int attempts = 0;  // since the last success
  core::Timestamp next_try_at;
  std::string last_error;
  bool is_dead = false;
  // A create was begun and its answer is not known: look on GitHub before creating again.
  bool is_uncertain = false;
};

// Sets the wanted state; an earlier one that was not sent yet is superseded. While GitHub fails,
// the back-off stays; a dead entry is tried again.
void want(Database& database, OutboxKind kind, core::JobId job, std::string_view wanted,
          core::Timestamp now);

// Entries to send at `now`, longest due first.
std::vector<OutboxEntry> due_entries(Database& database, core::Timestamp now, int limit = 100);
// Installations (0: none) whose repositories have an entry due, and the longest due one of each.
std::vector<std::int64_t> due_installations(Database& database, core::Timestamp now);
std::optional<OutboxEntry> next_due_entry(Database& database, std::int64_t installation,
                                          core::Timestamp now);
// When the next entry falls due; none when all is said.
std::optional<core::Timestamp> next_due(Database& database);
std::optional<OutboxEntry> find_entry(Database& database, std::int64_t id);
std::optional<OutboxEntry> find_entry(Database& database, OutboxKind kind, core::JobId job);
// For `check_run rerequested`: whose check run is it.
std::optional<OutboxEntry> find_entry_by_remote_id(Database& database, OutboxKind kind,
                                                   std::int64_t remote_id);

// Before a create is sent.
void mark_uncertain(Database& database, std::int64_t id);
// The create was answered, or found by looking: not uncertain any more.
void mark_created(Database& database, std::int64_t id, std::optional<std::int64_t> remote_id);
void mark_annotations_sent(Database& database, std::int64_t id, std::int64_t total);
// GitHub has state `version`; a newer wanted one stays due.
void mark_sent(Database& database, std::int64_t id, std::int64_t version);
void mark_failed(Database& database, std::int64_t id, std::string_view error,
                 core::Timestamp next_try_at);
// No further try will help; kept for the operator.
void mark_dead(Database& database, std::int64_t id, std::string_view error);

// By id, those after `after`.
std::vector<OutboxEntry> dead_entries(Database& database, std::int64_t after = 0, int limit = 100);

}  // namespace gantry::storage
