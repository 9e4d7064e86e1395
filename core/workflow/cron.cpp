// SPDX-License-Identifier: MIT
#include "core/workflow/cron.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

namespace gantry::core::workflow {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"jan", "feb", "mar", "apr", "may", "jun",
                                                      "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> kWeekdays = {"sun", "mon", "tue", "wed",
                                                       "thu", "fri", "sat"};
constexpr std::int64_t kDay = 86400;
constexpr int kSearchDays = 366 * 8;  // a 29 February comes within eight years

struct Field {
  std::string_view name;
  int least, most;
  std::span<const std::string_view> words;  // the first stands for `first_word`
  int first_word;
};

std::optional<int> number_of(std::string_view text, const Field& field) {
  for (std::size_t i = 0; i < field.words.size(); ++i) {
    if (equals_ignoring_case(text, field.words[i])) return static_cast<int>(i) + field.first_word;
  }
  int value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || read.ec != std::errc() || read.ptr != text.data() + text.size()) {
    return std::nullopt;
  }
  return value >= field.least && value <= field.most ? std::optional<int>(value) : std::nullopt;
}

// One item of a list: '*', a number, a range, each perhaps with a step. False: it is none.
template <std::size_t N>
bool take_item(std::string_view item, const Field& field, std::bitset<N>& into) {
  int step = 1;
  const std::size_t slash = item.find('/');
  const bool has_step = slash != std::string_view::npos;
  if (has_step) {
    const std::string_view text = item.substr(slash + 1);
    const auto read = std::from_chars(text.data(), text.data() + text.size(), step);
    if (read.ec != std::errc() || read.ptr != text.data() + text.size() || step < 1) return false;
    item = item.substr(0, slash);
  }
  int first = field.least, last = field.most;
  const std::size_t dash = item.find('-');
  if (item != "*") {
    const auto begin = number_of(item.substr(0, dash), field);
    if (!begin) return false;
    first = *begin;
    if (dash != std::string_view::npos) {
      const auto end = number_of(item.substr(dash + 1), field);
      if (!end || *end < first) return false;
      last = *end;
    } else if (!has_step) {
      last = first;
    }
  }
  for (int i = first; i <= last; i += step)
    into.set(static_cast<std::size_t>(N == 7 ? i % 7 : i));  // Sunday is 0 and 7
  return true;
}

template <std::size_t N>
Result<std::bitset<N>> read_field(std::string_view text, const Field& field) {
  std::bitset<N> values;
  for (const std::string_view item : split(text, ',')) {
    if (take_item(item, field, values)) continue;
    return fail(Errc::invalid, "'" + std::string(text) + "' is no " + std::string(field.name) +
                                   "; expected " + std::to_string(field.least) + " to " +
                                   std::to_string(field.most) + ", '*', a list, range or step");
  }
  return values;
}

std::int64_t floor_day(std::int64_t seconds) {
  return (seconds >= 0 ? seconds : seconds - (kDay - 1)) / kDay;
}

std::chrono::year_month_day date_at(std::int64_t day) {
  return std::chrono::sys_days(std::chrono::days(day));
}

}  // namespace

Result<Cron> Cron::parse(std::string_view text) {
  std::vector<std::string_view> fields;
  for (const std::string_view field : split(text, ' ')) {
    if (!field.empty()) fields.push_back(field);
  }
  if (fields.size() != 5) {
    return fail(Errc::invalid, "reading cron '" + std::string(text) +
                                   "': it needs five fields: minute hour day month weekday");
  }
  Cron cron;
  TRY(cron.minutes_, read_field<60>(fields[0], {"minute", 0, 59, {}, 0}));
  TRY(cron.hours_, read_field<24>(fields[1], {"hour", 0, 23, {}, 0}));
  TRY(cron.days_, read_field<32>(fields[2], {"day of the month", 1, 31, {}, 0}));
  TRY(cron.months_, read_field<13>(fields[3], {"month", 1, 12, kMonths, 1}));
  TRY(cron.weekdays_, read_field<7>(fields[4], {"day of the week", 0, 7, kWeekdays, 0}));
  cron.any_hour_ = fields[1].starts_with('*');
  cron.any_day_ = fields[2].starts_with('*');
  cron.any_weekday_ = fields[4].starts_with('*');
  return cron;
}

// Where both days are given, either will do.
bool Cron::matches_day(std::int64_t local_day) const {
  const auto date = date_at(local_day);
  if (!months_.test(static_cast<unsigned>(date.month()))) return false;
  const bool day = days_.test(static_cast<unsigned>(date.day()));
  const bool weekday = weekdays_.test(
      std::chrono::weekday(std::chrono::sys_days(std::chrono::days(local_day))).c_encoding());
  if (any_day_ || any_weekday_) return day && weekday;
  return day || weekday;
}

std::optional<Timestamp> Cron::next(Timestamp after, const TimeZone& zone) const {
  const std::int64_t now =
      std::chrono::floor<std::chrono::seconds>(after.time_since_epoch()).count();
  const std::int64_t first_day = floor_day(now + zone.offset_at(now)) - 1;
  std::optional<std::int64_t> best;
  for (std::int64_t day = first_day; day < first_day + kSearchDays && !best; ++day) {
    if (!matches_day(day)) continue;
    for (std::int64_t minute = 0; minute < kDay / 60; ++minute) {
      if (!hours_.test(static_cast<std::size_t>(minute / 60)) ||
          !minutes_.test(static_cast<std::size_t>(minute % 60))) {
        continue;
      }
      const std::int64_t local = day * kDay + minute * 60;
      // A local time has no, one or two places in UTC: those of the offsets around it.
      const std::int64_t early = zone.offset_at(local - kDay), late = zone.offset_at(local + kDay);
      const bool is_early = zone.offset_at(local - early) == early;
      const bool is_late = zone.offset_at(local - late) == late;
      std::vector<std::int64_t> places;
      if (is_early) places.push_back(local - early);
      if (is_late && (!is_early || (early != late && any_hour_))) places.push_back(local - late);
      if (!is_early && !is_late) {  // skipped: the clock's next minute
        std::int64_t place = local - early;
        while (zone.offset_at(place - 60) == late)
          place -= 60;
        places.push_back(place);
      }
      for (const std::int64_t place : places) {
        if (place > now && (!best || place < *best)) best = place;
      }
    }
  }
  if (!best) return std::nullopt;
  return Timestamp(std::chrono::seconds(*best));
}

}  // namespace gantry::core::workflow
