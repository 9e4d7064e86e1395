// SPDX-License-Identifier: MIT
// Tells GitHub the newest state of every job and never gives up before it is told: one lane per
// installation, writes one after another, back-off, rate limits, nothing reported twice.
#pragma once

#include "core/base/time.hpp"
#include "daemon/async/runtime.hpp"
#include "daemon/github/client.hpp"
#include "proto/check_run.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gantry::daemon::github {

enum class Channel { check_run, commit_status };

// What is known of the check run at GitHub; kept with the item.
struct Remote {
  std::int64_t id = 0;                // 0: not created, as far as we know
  std::int64_t annotations_sent = 0;  // taken by GitHub
  bool uncertain = false;  // a write was begun and its answer never seen: look before writing
};

// The newest wanted state of one job. Its annotations only ever grow at the end.
struct ReportItem {
  std::int64_t key = 0;      // the queue's own
  std::int64_t version = 0;  // grows whenever the wanted state changes
  Channel channel = Channel::check_run;
  Target target;  // its installation is the lane
  proto::JobReport report;
  Remote remote;
  int attempts = 0;  // failures since the last success
};

// Where the reporter takes its work from. Kept by storage; each call is durable when it returns.
class ReportQueue {
 public:
  virtual ~ReportQueue() = default;
  // Installations (0: personal token) with an item not sent whose next try is due.
  virtual Task<std::vector<std::int64_t>> due_lanes(core::Timestamp now) = 0;
  // The due item that waits longest in that lane.
  virtual Task<std::optional<ReportItem>> next(std::int64_t lane, core::Timestamp now) = 0;
  // When the earliest item that is not due yet will be.
  virtual Task<std::optional<core::Timestamp>> next_try(core::Timestamp now) = 0;

  virtual Task<> keep_remote(std::int64_t key, Remote remote) = 0;
  // `version` is told; the item stays due if a newer one came meanwhile.
  virtual Task<> mark_sent(std::int64_t key, std::int64_t version, Remote remote) = 0;
  virtual Task<> mark_failed(std::int64_t key, int attempts, core::Timestamp next_try,
                             std::string error) = 0;
  // GitHub will never take `version`. A newer version makes the item live again.
  virtual Task<> mark_dead(std::int64_t key, std::int64_t version, std::string error) = 0;
};

struct ReporterConfig {
  std::chrono::milliseconds first_retry{1'000};  // doubles, with jitter
  std::chrono::milliseconds longest_retry{300'000};
  std::chrono::milliseconds write_gap{0};  // between writes of one lane
  int permission_tries = 864;              // of a refused item, one each longest_retry: three days
};

class Reporter {
 public:
  Reporter(asio::any_io_executor executor, GithubClient& github, ReportQueue& queue,
           const core::Clock& clock, ReporterConfig config = {});
  ~Reporter();

  void start();
  void notify();   // something new may be due
  Task<> close();  // ends after the request under way
  // Lanes that wait for a rate limit, with the time they go on.
  std::map<std::int64_t, core::Timestamp> paused() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gantry::daemon::github
