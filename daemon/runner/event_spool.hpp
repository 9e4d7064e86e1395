// SPDX-License-Identifier: MIT
// The job's events on disk until gantryd has them: written first, sent afterwards. Throws
// core::Exception. Move-only.
#pragma once

#include "core/base/unique_fd.hpp"
#include "proto/runner_events.hpp"

#include <cstdint>
#include <filesystem>
#include <string>

namespace gantry::daemon::runner {

class EventSpool {
 public:
  // Refuses a file that has events: that job was run before.
  explicit EventSpool(const std::filesystem::path& file);

  // Numbers and writes one event; returns its number.
  std::int64_t append(decltype(proto::RunnerEvent::body) body, core::Timestamp now);

  struct Batch {
    std::string text;  // whole lines; empty = nothing to send
    std::int64_t last = 0;
  };
  // What follows the last acknowledged event, up to some `limit_bytes` but at least one event.
  Batch next_batch(std::size_t limit_bytes) const;
  // All up to `sequence` are with gantryd. An older number, or one never sent, changes nothing.
  void acknowledge(std::int64_t sequence);

  std::int64_t last() const { return last_; }
  std::int64_t acknowledged() const { return acknowledged_; }
  bool all_acknowledged() const { return acknowledged_ == last_; }

 private:
  core::UniqueFd file_;
  std::int64_t last_ = 0;
  std::int64_t acknowledged_ = 0;
  std::uint64_t acknowledged_bytes_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace gantry::daemon::runner
