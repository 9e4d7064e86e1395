// SPDX-License-Identifier: MIT
#include "storage/schedules.hpp"

#include <algorithm>

namespace gantry::storage {
namespace {

std::vector<Schedule> read_all(Statement statement) {
  std::vector<Schedule> schedules;
  while (statement.next()) {
    Schedule& s = schedules.emplace_back();
    statement.read(s.repo, s.workflow, s.cron, s.timezone, s.next_at);
  }
  return schedules;
}

bool same(const Schedule& a, const Schedule& b) {
  return a.workflow == b.workflow && a.cron == b.cron && a.timezone == b.timezone;
}

}  // namespace

void put_schedules(Database& database, core::RepoId repo, const std::vector<Schedule>& schedules) {
  Statement select = database.prepare(
      "SELECT repo_id, workflow, cron, timezone, next_at FROM schedules WHERE repo_id = ?1");
  select.bind(repo);
  const auto known = read_all(std::move(select));
  for (const Schedule& old : known) {
    const bool stays = std::any_of(schedules.begin(), schedules.end(),
                                   [&](const Schedule& item) { return same(old, item); });
    if (!stays) move_schedule(database, old, std::nullopt);
  }
  for (const Schedule& s : schedules) {
    database
        .prepare(
            "INSERT INTO schedules (repo_id, workflow, cron, timezone, next_at) VALUES (?1, "
            "?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING")
        .bind(repo, s.workflow, s.cron, s.timezone, s.next_at)
        .run();
  }
}

std::vector<Schedule> due_schedules(Database& database, core::Timestamp now) {
  Statement select = database.prepare(
      "SELECT repo_id, workflow, cron, timezone, next_at FROM schedules WHERE next_at <= ?1 "
      "ORDER BY next_at, repo_id, workflow, cron LIMIT 1000");
  select.bind(now);
  return read_all(std::move(select));
}

std::optional<core::Timestamp> next_schedule(Database& database) {
  Statement select = database.prepare("SELECT min(next_at) FROM schedules");
  std::optional<core::Timestamp> next;
  if (select.next()) select.read(next);
  return next;
}

void move_schedule(Database& database, const Schedule& schedule,
                   std::optional<core::Timestamp> next_at) {
  if (!next_at) {
    database
        .prepare(
            "DELETE FROM schedules WHERE repo_id = ?1 AND workflow = ?2 AND cron = ?3 AND "
            "timezone = ?4")
        .bind(schedule.repo, schedule.workflow, schedule.cron, schedule.timezone)
        .run();
    return;
  }
  database
      .prepare(
          "UPDATE schedules SET next_at = ?5 WHERE repo_id = ?1 AND workflow = ?2 AND "
          "cron = ?3 AND timezone = ?4")
      .bind(schedule.repo, schedule.workflow, schedule.cron, schedule.timezone, *next_at)
      .run();
}

}  // namespace gantry::storage
