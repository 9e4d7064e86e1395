// SPDX-License-Identifier: MIT
#include "storage/outbox.hpp"

#include "core/base/error.hpp"
#include "storage/words.hpp"

namespace gantry::storage {
namespace {

constexpr std::array<std::string_view, 2> kKinds = {"check_run", "commit_status"};

std::string select_entries(std::string_view rest) {
  return std::string(
             "SELECT id, kind, job_id, repo_id, wanted, version, sent_version, remote_id, "
             "annotations_sent, attempts, next_try_at, last_error, is_dead, is_uncertain "
             "FROM outbox ")
      .append(rest);
}

OutboxEntry read_entry(const Statement& row) {
  OutboxEntry e;
  row.read(e.id, e.kind, e.job, e.repo, e.wanted, e.version, e.sent_version, e.remote_id,
           e.annotations_sent, e.attempts, e.next_try_at, e.last_error, e.is_dead, e.is_uncertain);
  return e;
}

std::vector<OutboxEntry> read_entries(Statement& statement) {
  std::vector<OutboxEntry> entries;
  while (statement.next())
    entries.push_back(read_entry(statement));
  return entries;
}

std::optional<OutboxEntry> read_first(Statement& statement) {
  if (!statement.next()) return std::nullopt;
  return read_entry(statement);
}

// Runs an UPDATE of entry ?1 that must be there.
template <class... Values>
void update(Database& database, std::string_view set, std::int64_t id, const Values&... values) {
  database.prepare(std::string("UPDATE outbox SET ").append(set).append(" WHERE id = ?1"))
      .bind(id, values...)
      .run();
  if (database.changed_rows() == 0) {
    throw core::Exception(core::Errc::not_found, "updating outbox entry '" + std::to_string(id) +
                                                     "': there is no such entry");
  }
}

}  // namespace

std::string_view to_string(OutboxKind kind) {
  return word_of(kKinds, kind);
}
bool parse(std::string_view text, OutboxKind& out) {
  return parse_word(kKinds, text, out);
}

void want(Database& database, OutboxKind kind, core::JobId job, std::string_view wanted,
          core::Timestamp now) {
  database
      .prepare(
          "INSERT INTO outbox (kind, job_id, repo_id, wanted, version, sent_version, "
          "annotations_sent, attempts, next_try_at, last_error, is_dead, is_uncertain) "
          "SELECT ?1, j.id, r.repo_id, ?3, 1, 0, 0, 0, ?4, '', 0, 0 "
          "FROM jobs j JOIN runs r ON r.id = j.run_id WHERE j.id = ?2 "
          "ON CONFLICT (job_id, kind) DO UPDATE SET wanted = excluded.wanted, "
          "version = version + 1, is_dead = 0, "
          "attempts = iif(is_dead, 0, attempts), "
          "next_try_at = iif(attempts > 0 AND is_dead = 0, next_try_at, excluded.next_try_at)")
      .bind(kind, job, wanted, now)
      .run();
  if (database.changed_rows() == 0) {
    throw core::Exception(
        core::Errc::not_found,
        "noting what to tell about job '" + std::to_string(job.value) + "': there is no such job");
  }
}

std::vector<OutboxEntry> due_entries(Database& database, core::Timestamp now, int limit) {
  Statement statement = database.prepare(
      select_entries("WHERE sent_version < version AND is_dead = 0 AND next_try_at <= ?1 "
                     "ORDER BY next_try_at, id LIMIT ?2"));
  return read_entries(statement.bind(now, limit));
}

std::vector<std::int64_t> due_installations(Database& database, core::Timestamp now) {
  Statement statement = database.prepare(
      "SELECT DISTINCT coalesce(r.installation_id, 0) FROM outbox o JOIN repositories r "
      "ON r.id = o.repo_id WHERE o.sent_version < o.version AND o.is_dead = 0 "
      "AND o.next_try_at <= ?1");
  statement.bind(now);
  std::vector<std::int64_t> installations;
  while (statement.next())
    statement.read(installations.emplace_back());
  return installations;
}

std::optional<OutboxEntry> next_due_entry(Database& database, std::int64_t installation,
                                          core::Timestamp now) {
  Statement statement = database.prepare(
      select_entries("WHERE sent_version < version AND is_dead = 0 AND next_try_at <= ?1 "
                     "AND repo_id IN (SELECT id FROM repositories "
                     "WHERE coalesce(installation_id, 0) = ?2) ORDER BY next_try_at, id LIMIT 1"));
  return read_first(statement.bind(now, installation));
}

std::optional<core::Timestamp> next_due(Database& database) {
  Statement statement = database.prepare(
      "SELECT min(next_try_at) FROM outbox WHERE sent_version < version AND is_dead = 0");
  std::optional<core::Timestamp> due;
  if (statement.next()) statement.read(due);
  return due;
}

std::optional<OutboxEntry> find_entry(Database& database, std::int64_t id) {
  Statement statement = database.prepare(select_entries("WHERE id = ?1"));
  return read_first(statement.bind(id));
}

std::optional<OutboxEntry> find_entry(Database& database, OutboxKind kind, core::JobId job) {
  Statement statement = database.prepare(select_entries("WHERE job_id = ?1 AND kind = ?2"));
  return read_first(statement.bind(job, kind));
}

std::optional<OutboxEntry> find_entry_by_remote_id(Database& database, OutboxKind kind,
                                                   std::int64_t remote_id) {
  Statement statement =
      database.prepare(select_entries("WHERE remote_id = ?1 AND kind = ?2 ORDER BY id LIMIT 1"));
  return read_first(statement.bind(remote_id, kind));
}

void mark_uncertain(Database& database, std::int64_t id) {
  update(database, "is_uncertain = 1", id);
}

void mark_created(Database& database, std::int64_t id, std::optional<std::int64_t> remote_id) {
  update(database, "is_uncertain = 0, remote_id = coalesce(?2, remote_id)", id, remote_id);
}

void mark_annotations_sent(Database& database, std::int64_t id, std::int64_t total) {
  update(database, "annotations_sent = max(annotations_sent, ?2)", id, total);
}

void mark_sent(Database& database, std::int64_t id, std::int64_t version) {
  update(database,
         "sent_version = max(sent_version, ?2), attempts = 0, last_error = '', is_uncertain = 0",
         id, version);
}

void mark_failed(Database& database, std::int64_t id, std::string_view error,
                 core::Timestamp next_try_at) {
  update(database, "attempts = attempts + 1, last_error = ?2, next_try_at = ?3", id, error,
         next_try_at);
}

void mark_dead(Database& database, std::int64_t id, std::string_view error) {
  update(database, "attempts = attempts + 1, last_error = ?2, is_dead = 1", id, error);
}

std::vector<OutboxEntry> dead_entries(Database& database, std::int64_t after, int limit) {
  Statement statement =
      database.prepare(select_entries("WHERE is_dead = 1 AND id > ?1 ORDER BY id LIMIT ?2"));
  return read_entries(statement.bind(after, limit));
}

}  // namespace gantry::storage
