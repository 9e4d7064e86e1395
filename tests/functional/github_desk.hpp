// SPDX-License-Identifier: MIT
// A reporter with its outbox in memory, set against the stand-in for GitHub.
#pragma once

#include "daemon/github/reporter.hpp"
#include "tests/support/fake_github.hpp"

#include <functional>
#include <map>

namespace gantry::test {

using namespace gantry::daemon::github;
using namespace std::chrono_literals;
using nlohmann::json;
using proto::RestOutcome;
namespace http = daemon::http;

inline const core::SystemClock g_clock;

// The outbox in memory. Counts durable notes, so that a test can see what a crash would find.
class MemoryQueue final : public ReportQueue {
 public:
  struct Entry {
    ReportItem item;
    std::int64_t sent_version = 0;
    core::Timestamp next_try{};
    bool is_dead = false;
    std::string error;
  };

  explicit MemoryQueue(const boost::asio::any_io_executor& executor) : changed_(executor) {}

  void want(ReportItem item) {
    Entry& entry = entries[item.key];
    item.version = entry.item.version + 1;
    item.remote = entry.item.remote;
    item.attempts = entry.item.attempts;
    entry.item = std::move(item);
    entry.is_dead = false;
  }
  Task<> until(std::function<bool()> predicate) {
    const auto wait = [](MemoryQueue& self, std::function<bool()>& met) -> Task<> {
      while (!met())
        co_await self.changed_.wait();
    };
    co_await daemon::async::with_timeout(20s, "waiting for the outbox", wait(*this, predicate));
  }
  Task<> until_told(std::int64_t key) {
    std::function<bool()> told = [&] { return is_told(entries[key]); };
    co_await until(std::move(told));
  }

  Task<std::vector<std::int64_t>> due_lanes(core::Timestamp now) override {
    std::vector<std::int64_t> lanes;
    for (const auto& [key, entry] : entries) {
      if (is_due(entry, now)) lanes.push_back(entry.item.target.installation_id);
    }
    co_return lanes;
  }
  Task<std::optional<ReportItem>> next(std::int64_t lane, core::Timestamp now) override {
    for (const auto& [key, entry] : entries) {
      if (is_due(entry, now) && entry.item.target.installation_id == lane) co_return entry.item;
    }
    co_return std::nullopt;
  }
  Task<std::optional<core::Timestamp>> next_try(core::Timestamp now) override {
    std::optional<core::Timestamp> earliest;
    for (const auto& [key, entry] : entries) {
      if (is_told(entry) || entry.is_dead || entry.next_try <= now) continue;
      if (!earliest || entry.next_try < *earliest) earliest = entry.next_try;
    }
    co_return earliest;
  }
  Task<> keep_remote(std::int64_t key, Remote remote) override {
    entries[key].item.remote = remote;
    changed_.notify();
    co_return;
  }
  Task<> mark_sent(std::int64_t key, std::int64_t version, Remote remote) override {
    if (is_disk_full) {
      ++refused;
      changed_.notify();
      throw core::Exception(core::Errc::io, "writing the outbox: the disk is full");
    }
    Entry& entry = entries[key];
    entry.sent_version = version;
    entry.item.remote = remote;
    entry.item.attempts = 0;
    changed_.notify();
    co_return;
  }
  Task<> mark_failed(std::int64_t key, int attempts, core::Timestamp next,
                     std::string error) override {
    Entry& entry = entries[key];
    entry.item.attempts = attempts;
    entry.next_try = next;
    entry.error = std::move(error);
    changed_.notify();
    co_return;
  }
  Task<> mark_dead(std::int64_t key, std::int64_t version, std::string error) override {
    Entry& entry = entries[key];
    entry.is_dead = entry.item.version == version;
    entry.error = std::move(error);
    changed_.notify();
    co_return;
  }

  std::map<std::int64_t, Entry> entries;
  bool is_disk_full = false;
  int refused = 0;  // notes, since then

 private:
  static bool is_told(const Entry& entry) { return entry.sent_version == entry.item.version; }
  static bool is_due(const Entry& entry, core::Timestamp now) {
    return !is_told(entry) && !entry.is_dead && entry.next_try <= now;
  }

  daemon::async::Wakeup changed_;
};

inline ReportItem item(std::int64_t key, proto::ReportStatus status, int annotations = 0) {
  ReportItem result;
  result.key = key;
  result.target.installation_id = FakeGithub::kInstallation;
  result.target.repository = FakeGithub::kRepository;
  result.report.name = "build (gcc, " + std::to_string(key) + ")";
  result.report.head_sha = std::string(40, 'a');
  result.report.external_id = "job-" + std::to_string(key);
  result.report.details_url = "http://127.0.0.1/runs/1";
  result.report.status = status;
  result.report.conclusion = proto::ReportConclusion::failure;
  result.report.started_at = g_clock.now();
  result.report.completed_at = g_clock.now();
  result.report.title = "the title";
  result.report.summary = "the summary";
  for (int line = 1; line <= annotations; ++line) {
    proto::ReportAnnotation one;
    one.path = "src/main.c";
    one.start_line = one.end_line = line;
    one.message = "error " + std::to_string(line);
    result.report.annotations.push_back(std::move(one));
  }
  return result;
}
inline constexpr auto kQueued = proto::ReportStatus::queued;
inline constexpr auto kRunning = proto::ReportStatus::in_progress;
inline constexpr auto kCompleted = proto::ReportStatus::completed;

// All that stands between an outbox and GitHub, on one loop.
struct Desk {
  explicit Desk(const boost::asio::any_io_executor& executor, FakeGithub& fake)
      : http(executor, client_config()),
        github(http, api(fake), credentials(fake), g_clock),
        queue(executor),
        reporter(executor, github, queue, g_clock, reporter_config()) {}

  static http::ClientConfig client_config() {
    http::ClientConfig config;
    config.answer_timeout = 3s;
    return config;
  }
  static ApiConfig api(const FakeGithub& fake) {
    ApiConfig config;
    config.base_url = fake.base_url;
    return config;
  }
  static CredentialsConfig credentials(const FakeGithub& fake) {
    CredentialsConfig config;
    config.app = fake.app;
    config.personal_token = FakeGithub::kPersonalToken;
    return config;
  }
  static ReporterConfig reporter_config() {
    ReporterConfig config;
    config.first_retry = 20ms;
    config.longest_retry = 100ms;
    config.permission_tries = 5;
    return config;
  }

  http::Client http;
  GithubClient github;
  MemoryQueue queue;
  Reporter reporter;
};

// Plays `scene` with a fresh stand-in and a started reporter, then ends the reporter in order.
inline void play(std::function<Task<>(Desk&, FakeGithub&)> scene) {
  if (!test::has_fake_github()) {
    MESSAGE("skipped: no GitHub API description beside the source tree, or no python3-jsonschema");
    return;
  }
  FakeGithub fake;
  daemon::async::Runtime runtime;
  const auto act = [](daemon::async::Runtime& on, FakeGithub& with,
                      std::function<Task<>(Desk&, FakeGithub&)>& what) -> Task<> {
    Desk desk(on.executor(), with);
    desk.reporter.start();
    co_await what(desk, with);
    co_await desk.reporter.close();
  };
  daemon::async::run_to_end(runtime, act(runtime, fake, scene));
}

inline std::size_t count(const json& state, std::string_view method, std::string_view part) {
  std::size_t found = 0;
  for (const json& request : state["requests"]) {
    found += request["method"] == method &&
             request["path"].get<std::string>().find(part) != std::string::npos;
  }
  return found;
}

inline Task<> fail_next(FakeGithub& fake, std::string what) {
  co_await fake.control("fail", std::move(what));
}

}  // namespace gantry::test
