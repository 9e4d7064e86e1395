// SPDX-License-Identifier: MIT
// Wall-clock time as data: milliseconds since the epoch, UTC. Code in core gets it as an argument.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace gantry::core {

using Timestamp = std::chrono::sys_time<std::chrono::milliseconds>;

// Seam for tests.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Timestamp now() const = 0;
};

class SystemClock final : public Clock {
 public:
  Timestamp now() const override;
};

std::string minutes_text(std::chrono::milliseconds time);  // 0.5, 10, as expressions print numbers
std::string to_iso8601(Timestamp time);                    // 2026-01-02T03:04:05Z (GitHub's form)
std::string to_iso8601_millis(Timestamp time);             // 2026-01-02T03:04:05.678Z
std::optional<Timestamp> parse_iso8601(std::string_view text);  // either form

}  // namespace gantry::core
