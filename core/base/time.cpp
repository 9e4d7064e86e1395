// SPDX-License-Identifier: MIT
#include "core/base/time.hpp"

#include <array>
#include <cstdio>

namespace gantry::core {
namespace {

using std::chrono::milliseconds;

std::string format(Timestamp time, bool with_millis) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::array<char, 40> text{};
  int size = std::snprintf(
      text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()));
  std::string result(text.data(), static_cast<std::size_t>(size));
  if (with_millis) {
    size = std::snprintf(text.data(), text.size(), ".%03d",
                         static_cast<int>(clock.subseconds().count()));
    result.append(text.data(), static_cast<std::size_t>(size));
  }
  return result + "Z";
}

// `count` digits at `at`, or nullopt.
std::optional<int> digits(std::string_view text, std::size_t at, std::size_t count) {
  if (at + count > text.size()) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(at, count)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

}  // namespace

Timestamp SystemClock::now() const {
  return std::chrono::time_point_cast<milliseconds>(std::chrono::system_clock::now());
}

std::string minutes_text(milliseconds time) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%g", static_cast<double>(time.count()) / 60000.0);
  return text.data();
}

std::string to_iso8601(Timestamp time) {
  return format(time, false);
}
std::string to_iso8601_millis(Timestamp time) {
  return format(time, true);
}

std::optional<Timestamp> parse_iso8601(std::string_view text) {
  if (text.size() < 20 || text.back() != 'Z' || text[4] != '-' || text[7] != '-' ||
      text[10] != 'T' || text[13] != ':' || text[16] != ':') {
    return std::nullopt;
  }
  const auto year = digits(text, 0, 4), month = digits(text, 5, 2), day = digits(text, 8, 2);
  const auto hour = digits(text, 11, 2), minute = digits(text, 14, 2), second = digits(text, 17, 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  int millis = 0;
  if (text[19] == '.') {
    const std::size_t end = text.size() - 1;
    int scale = 100;
    for (std::size_t at = 20; at < end; ++at) {
      const auto digit = digits(text, at, 1);
      if (!digit) return std::nullopt;
      millis += *digit * scale;
      scale /= 10;
    }
  } else if (text.size() != 20) {
    return std::nullopt;
  }
  return Timestamp(std::chrono::sys_days(date)) + std::chrono::hours(*hour) +
         std::chrono::minutes(*minute) + std::chrono::seconds(*second) + milliseconds(millis);
}

}  // namespace gantry::core
