// SPDX-License-Identifier: MIT
// The schedules of default branches: one row for each cron, with when it is due next.
#pragma once

#include "storage/deliveries.hpp"
#include "storage/sqlite.hpp"

#include <optional>
#include <string>
#include <vector>

namespace gantry::storage {

struct Schedule {
  core::RepoId repo;
  std::string workflow;  // path of the file
  std::string cron, timezone;
  core::Timestamp next_at;
};

// Those of a repository become `schedules`; one that was there keeps when it is due.
void put_schedules(Database& database, core::RepoId repo, const std::vector<Schedule>& schedules);
std::vector<Schedule> due_schedules(Database& database, core::Timestamp now);
std::optional<core::Timestamp> next_schedule(Database& database);
// When it is due next; nullopt: never again.
void move_schedule(Database& database, const Schedule& schedule,
                   std::optional<core::Timestamp> next_at);

}  // namespace gantry::storage
