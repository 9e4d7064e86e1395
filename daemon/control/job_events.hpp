// SPDX-License-Identifier: MIT
// A runner's events into rows: idempotent by sequence number, a batch in one transaction.
#pragma once

#include "daemon/control/active.hpp"
#include "daemon/control/reports.hpp"
#include "proto/runner_events.hpp"

#include <optional>
#include <string>
#include <vector>

namespace gantry::daemon::control {

struct EventsStored {
  std::int64_t acked = 0;  // the highest sequence taken
  bool started = false;    // the batch began the job
  std::optional<core::run::Conclusion> completed;
  core::run::Outputs outputs;  // with `completed`
  std::vector<storage::Delivery> told;
};

EventsStored store_events(storage::Database& database, const ActiveJob& job,
                          const std::vector<proto::RunnerEvent>& events, const ReportTo& report,
                          core::Timestamp now);

// Lines of ndjson; a torn last line (its writer was killed) is left out when `torn` allows it.
enum class Torn { refused, allowed };
core::Result<std::vector<proto::RunnerEvent>> decode_events(std::string_view ndjson, Torn torn);

}  // namespace gantry::daemon::control
