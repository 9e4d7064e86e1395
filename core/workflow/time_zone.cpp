// SPDX-License-Identifier: MIT
// TZif files (RFC 8536): the changes of the second data block, and the rule in the footer.
#include "core/workflow/cron.hpp"

#include <algorithm>
#include <chrono>

namespace gantry::core::workflow {
namespace {

constexpr std::size_t kHeader = 44;
constexpr std::int64_t kDay = 86400;

std::int64_t big_endian(std::string_view bytes) {
  std::uint64_t value = static_cast<unsigned char>(bytes[0]) >= 0x80 ? ~std::uint64_t{0} : 0;
  for (const char byte : bytes)
    value = value << 8U | static_cast<unsigned char>(byte);
  return static_cast<std::int64_t>(value);
}

struct Counts {
  std::size_t utc = 0, standard = 0, leaps = 0, times = 0, types = 0, characters = 0;

  std::size_t bytes(std::size_t time_size) const {
    return times * (time_size + 1) + types * 6 + characters + leaps * (time_size + 4) + standard +
           utc;
  }
};

bool read_header(std::string_view text, Counts& counts) {
  if (text.size() < kHeader || !text.starts_with("TZif") || text[4] < '2') return false;
  const auto count = [&](std::size_t index) {
    return static_cast<std::size_t>(big_endian(text.substr(20 + index * 4, 4)));
  };
  counts = {count(0), count(1), count(2), count(3), count(4), count(5)};
  return std::max({counts.utc, counts.standard, counts.leaps, counts.times, counts.types,
                   counts.characters}) < 100'000;
}

// The parts of a POSIX TZ text: names, [-]h[:m[:s]], Mm.w.d.
class Footer {
 public:
  explicit Footer(std::string_view text) : text_(text) {}

  bool done() const { return text_.empty(); }
  bool take(char c) {
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool name() {
    const bool quoted = take('<');
    const std::size_t end =
        quoted ? text_.find('>') : std::min(text_.find_first_of("+-0123456789,"), text_.size());
    if (end == std::string_view::npos || end == 0) return false;
    text_.remove_prefix(end + (quoted ? 1 : 0));
    return true;
  }
  bool number(int& value) {
    std::size_t used = 0;
    value = 0;
    for (; used < text_.size() && used < 4 && text_[used] >= '0' && text_[used] <= '9'; ++used)
      value = value * 10 + (text_[used] - '0');
    text_.remove_prefix(used);
    return used > 0;
  }
  bool time(std::int64_t& seconds) {
    const bool negative = take('-');
    if (!negative) take('+');
    int part = 0;
    if (!number(part)) return false;
    seconds = part * std::int64_t{3600};
    for (const std::int64_t unit : {std::int64_t{60}, std::int64_t{1}}) {
      if (!take(':')) break;
      if (!number(part)) return false;
      seconds += part * unit;
    }
    if (negative) seconds = -seconds;
    return true;
  }

 private:
  std::string_view text_;
};

}  // namespace

bool TimeZone::read_footer(std::string_view text, TimeZone& zone) {
  Footer footer(text);
  std::int64_t west = 0;
  if (!footer.name() || !footer.time(west)) return false;
  zone.standard_ = zone.summer_ = -west;
  if (footer.done()) return true;
  if (!footer.name()) return false;
  zone.summer_ = zone.standard_ + 3600;
  if (!footer.take(',')) {
    if (!footer.time(west) || !footer.take(',')) return false;
    zone.summer_ = -west;
  }
  for (std::optional<Rule>* rule : {&zone.begins_, &zone.ends_}) {
    Rule read;
    read.seconds = std::int64_t{2} * 3600;
    const bool has_date = footer.take('M') && footer.number(read.month) && footer.take('.') &&
                          footer.number(read.week) && footer.take('.') && footer.number(read.day);
    if (!has_date || read.month < 1 || read.month > 12 || read.week < 1 || read.week > 5) {
      return false;
    }
    if (footer.take('/') && !footer.time(read.seconds)) return false;
    *rule = read;
    if (rule == &zone.begins_ && !footer.take(',')) return false;
  }
  return footer.done();
}

Result<TimeZone> TimeZone::parse(std::string_view tzif) {
  const auto refuse = [] { return fail(Errc::invalid, "it is no time zone file (TZif)"); };
  Counts first, counts;
  if (!read_header(tzif, first) || tzif.size() < kHeader + first.bytes(4)) return refuse();
  tzif.remove_prefix(kHeader + first.bytes(4));
  if (!read_header(tzif, counts) || tzif.size() < kHeader + counts.bytes(8)) return refuse();
  tzif.remove_prefix(kHeader);
  const std::string_view times = tzif, indices = tzif.substr(counts.times * 8);
  const std::string_view types = indices.substr(counts.times);
  const auto offset_of = [&](std::size_t type) { return big_endian(types.substr(type * 6, 4)); };
  TimeZone zone;
  if (counts.types > 0) zone.first_offset_ = offset_of(0);
  for (std::size_t i = 0; i < counts.times; ++i) {
    const auto type = static_cast<unsigned char>(indices[i]);
    if (type >= counts.types) return refuse();
    zone.changes_.push_back({big_endian(times.substr(i * 8, 8)), offset_of(type)});
  }
  zone.standard_ = zone.summer_ =
      zone.changes_.empty() ? zone.first_offset_ : zone.changes_.back().offset;
  std::string_view footer = tzif.substr(counts.bytes(8));
  if (footer.size() < 2 || footer.front() != '\n' || footer.back() != '\n') return zone;
  footer = footer.substr(1, footer.size() - 2);
  if (!footer.empty() && !read_footer(footer, zone)) return refuse();
  return zone;
}

std::int64_t TimeZone::offset_at(std::int64_t utc_seconds) const {
  if (changes_.empty() || utc_seconds >= changes_.back().at) return by_rule(utc_seconds);
  const auto next =
      std::upper_bound(changes_.begin(), changes_.end(), utc_seconds,
                       [](std::int64_t at, const Change& change) { return at < change.at; });
  return next == changes_.begin() ? first_offset_ : std::prev(next)->offset;
}

// Seconds since the epoch of a rule's date, by the local clock.
std::int64_t TimeZone::date_of(const Rule& rule, int year) {
  using namespace std::chrono;
  const auto in_month = std::chrono::year(year) / month(static_cast<unsigned>(rule.month));
  const weekday day(static_cast<unsigned>(rule.day));
  const sys_days date = rule.week == 5 ? sys_days(in_month / day[last])
                                       : sys_days(in_month / day[static_cast<unsigned>(rule.week)]);
  return date.time_since_epoch().count() * kDay + rule.seconds;
}

std::int64_t TimeZone::by_rule(std::int64_t utc_seconds) const {
  if (!begins_ || !ends_) return standard_;
  const auto day = std::chrono::floor<std::chrono::days>(
      std::chrono::sys_seconds(std::chrono::seconds(utc_seconds + standard_)));
  const int year = static_cast<int>(std::chrono::year_month_day(day).year());
  const std::int64_t begins = date_of(*begins_, year) - standard_;
  const std::int64_t ends = date_of(*ends_, year) - summer_;
  const bool summer = begins < ends ? utc_seconds >= begins && utc_seconds < ends
                                    : utc_seconds >= begins || utc_seconds < ends;
  return summer ? summer_ : standard_;
}

bool is_time_zone_name(std::string_view name) {
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '+' || c == '-' || c == '/';
  });
  return plain && !name.empty() && name.size() < 100 && name.front() != '/' &&
         name.find("//") == std::string_view::npos;
}

}  // namespace gantry::core::workflow
