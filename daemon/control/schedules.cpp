// SPDX-License-Identifier: MIT
#include "daemon/control/schedules.hpp"

#include "core/base/files.hpp"
#include "core/base/log.hpp"
#include "core/base/text.hpp"
#include "core/workflow/cron.hpp"
#include "daemon/control/db_thread.hpp"

#include <algorithm>

namespace gantry::daemon::control {
namespace {

using core::Timestamp;
using core::workflow::Cron;
using core::workflow::TimeZone;
using storage::Database;
using storage::Schedule;

// A schedule learned meanwhile is seen after this at the latest.
constexpr std::chrono::milliseconds kLongestSleep{10'000};
constexpr std::chrono::minutes kLeastPause{5};  // as at GitHub
constexpr const char* kZones = "/usr/share/zoneinfo/";

core::Result<TimeZone> read_zone(const std::string& name) {
  if (name.empty() || name == "UTC") return TimeZone();
  const auto unknown = [&] {
    return core::fail(core::Errc::not_found, "there is no time zone '" + name + "'");
  };
  if (!core::workflow::is_time_zone_name(name)) return unknown();
  const auto text = core::read_file_if_exists(kZones + name, 1U << 20U);
  return text ? TimeZone::parse(*text) : unknown();
}

core::Result<std::optional<Timestamp>> next_of(const Schedule& schedule, Timestamp after) {
  TRY(const Cron cron, Cron::parse(schedule.cron));
  TRY(const TimeZone zone, read_zone(schedule.timezone));
  return cron.next(after, zone);
}

}  // namespace

std::vector<Schedule> schedules_of(const std::vector<core::run::WorkflowFile>& files,
                                   core::RepoId repo, Timestamp now) {
  std::vector<Schedule> schedules;
  for (const auto& file : files) {
    if (!file.parsed.workflow) continue;
    const auto* trigger = file.parsed.workflow->find_trigger("schedule");
    if (trigger == nullptr) continue;
    for (std::size_t i = 0; i < trigger->crons.size(); ++i) {
      Schedule schedule{repo, file.file, trigger->crons[i].value, trigger->timezones[i], now};
      const auto next = next_of(schedule, now);
      if (!next) {
        core::log::warn("schedule cannot be kept",
                        {{"workflow", file.file}, {"why", next.error().message}});
      }
      if (!next || !*next) continue;
      schedule.next_at = **next;
      schedules.push_back(std::move(schedule));
    }
  }
  return schedules;
}

core::expr::Object own_payload(const storage::Repository& repo, const std::string& sender) {
  const std::size_t slash = repo.full_name.find('/');
  core::expr::Object owner, repository, user, payload;
  owner.set("login", repo.full_name.substr(0, slash));
  repository.set("id", static_cast<double>(repo.github_id.value_or(0)));
  repository.set("name", repo.full_name.substr(slash + 1));
  repository.set("full_name", repo.full_name);
  repository.set("private", repo.is_private);
  repository.set("default_branch", repo.default_branch);
  repository.set("owner", std::move(owner));
  user.set("login", sender);
  payload.set("repository", std::move(repository));
  payload.set("sender", std::move(user));
  return payload;
}

async::Task<> Schedules::run() {
  for (;;) {
    const Timestamp now = conductor_.clock().now();
    const auto due =
        co_await conductor_.db().read([&](Database& d) { return storage::due_schedules(d, now); });
    for (const Schedule& schedule : due)
      co_await fire(schedule);
    const auto next =
        co_await conductor_.db().read([](Database& d) { return storage::next_schedule(d); });
    auto pause = kLongestSleep;
    if (next) {
      pause = std::clamp(*next - conductor_.clock().now(), std::chrono::milliseconds(1), pause);
    }
    co_await async::sleep_for(pause);
  }
}

async::Task<> Schedules::fire(Schedule due) {
  const Timestamp now = conductor_.clock().now();
  const auto repo = co_await conductor_.db().read(
      [&](Database& d) { return storage::find_repository(d, due.repo); });
  const bool allowed =
      repo && conductor_.settings()->config.find_repository(repo->full_name) != nullptr;
  auto next = next_of(due, now);
  // Twice within five minutes is once.
  if (next && *next && **next < due.next_at + kLeastPause) {
    next = next_of(due, due.next_at + kLeastPause - std::chrono::seconds(1));
  }
  const std::optional<Timestamp> moved = next && allowed ? *next : std::nullopt;
  storage::Delivery delivery;
  if (allowed) {
    const std::string owner = repo->full_name.substr(0, repo->full_name.find('/'));
    core::expr::Object payload = own_payload(*repo, owner);
    payload.set("schedule", due.cron);
    payload.set("workflow", due.workflow);
    delivery.guid = "gantry-schedule-" + core::random_hex(16);
    delivery.event = "schedule";
    delivery.repo = due.repo;
    delivery.payload = core::expr::to_json(core::expr::Value(std::move(payload)));
    delivery.received_at = now;
  }
  delivery.id = co_await conductor_.db().write([&](Database& d) {
    storage::move_schedule(d, due, moved);
    return allowed ? insert_delivery(d, delivery).id : core::DeliveryId();
  });
  if (allowed) take_(delivery);
}

}  // namespace gantry::daemon::control
