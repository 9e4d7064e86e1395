// SPDX-License-Identifier: MIT
// The cron of `on.schedule`: five POSIX fields, names of months and days, lists, ranges, steps. A
// schedule in a time zone goes by its local time: an hour that is skipped in spring moves to the
// next minute there is, one that comes twice in autumn counts once unless the hour is a '*'. Pure.
#pragma once

#include "core/base/result.hpp"
#include "core/base/time.hpp"

#include <bitset>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::core::workflow {

// Offsets from UTC, as a TZif file (RFC 8536) gives them.
class TimeZone {
 public:
  TimeZone() = default;  // UTC
  // Refuses what is no TZif file of version 2 or newer.
  static Result<TimeZone> parse(std::string_view tzif);

  std::int64_t offset_at(std::int64_t utc_seconds) const;

 private:
  struct Change {
    std::int64_t at = 0, offset = 0;
  };
  // The rule after the last change: a date of the form Mm.w.d each way.
  struct Rule {
    int month = 0, week = 0, day = 0;
    std::int64_t seconds = 0;  // local time of that day
  };
  static bool read_footer(std::string_view text, TimeZone& zone);
  std::int64_t by_rule(std::int64_t utc_seconds) const;
  static std::int64_t date_of(const Rule& rule, int year);

  std::vector<Change> changes_;
  std::int64_t first_offset_ = 0, standard_ = 0, summer_ = 0;
  std::optional<Rule> begins_, ends_;  // of summer time
};

// A name below /usr/share/zoneinfo: no path may leave it.
bool is_time_zone_name(std::string_view name);

class Cron {
 public:
  static Result<Cron> parse(std::string_view text);

  // The first minute after `after` it is due; nullopt: never (30 February).
  std::optional<Timestamp> next(Timestamp after, const TimeZone& zone) const;

 private:
  bool matches_day(std::int64_t local_day) const;

  std::bitset<60> minutes_;
  std::bitset<24> hours_;
  std::bitset<32> days_;
  std::bitset<13> months_;
  std::bitset<7> weekdays_;
  bool any_hour_ = false, any_day_ = false, any_weekday_ = false;
};

}  // namespace gantry::core::workflow
