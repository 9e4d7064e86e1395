// SPDX-License-Identifier: MIT
// What GitHub is told of a job: made from rows when a job changes, kept in the outbox, read back
// by the reporter.
#pragma once

#include "daemon/control/run_events.hpp"
#include "daemon/control/settings.hpp"
#include "daemon/github/reporter.hpp"
#include "storage/jobs.hpp"
#include "storage/outbox.hpp"
#include "storage/repos.hpp"
#include "storage/runs.hpp"

#include <optional>
#include <string>

namespace gantry::daemon::control {

class DbThread;

// How results of this repository reach GitHub; none when nothing is configured for it.
std::optional<storage::OutboxKind> report_channel(const Settings& settings,
                                                  const storage::Repository& repo);

// Where news of a repository's runs and jobs go.
struct ReportTo {
  std::optional<storage::OutboxKind> channel;
  std::string public_url;
  RunTeller runs;
};

// Puts the job's newest state into the outbox. Call it in the closure that changes the job.
void want_report(storage::Database& database, storage::OutboxKind kind, const storage::Run& run,
                 const storage::Job& job, const std::string& public_url, core::Timestamp now);

// The outbox as the reporter sees it.
class OutboxQueue final : public github::ReportQueue {
 public:
  OutboxQueue(DbThread& db, const core::Clock& clock) : db_(db), clock_(clock) {}

  async::Task<std::vector<std::int64_t>> due_lanes(core::Timestamp now) override;
  async::Task<std::optional<github::ReportItem>> next(std::int64_t lane,
                                                      core::Timestamp now) override;
  async::Task<std::optional<core::Timestamp>> next_try(core::Timestamp now) override;
  async::Task<> keep_remote(std::int64_t key, github::Remote remote) override;
  async::Task<> mark_sent(std::int64_t key, std::int64_t version, github::Remote remote) override;
  async::Task<> mark_failed(std::int64_t key, int attempts, core::Timestamp next_try,
                            std::string error) override;
  async::Task<> mark_dead(std::int64_t key, std::int64_t version, std::string error) override;

 private:
  DbThread& db_;
  const core::Clock& clock_;
};

}  // namespace gantry::daemon::control
