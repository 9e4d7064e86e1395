// SPDX-License-Identifier: MIT
#include "core/workflow/cron.hpp"

#include <doctest.h>

#include <fstream>
#include <iterator>

using namespace gantry::core;
using namespace gantry::core::workflow;

namespace {

Timestamp at(const char* iso) {
  const auto time = parse_iso8601(iso);
  REQUIRE(time);
  return *time;
}

std::string next(const char* cron, const char* after, const TimeZone& zone = {}) {
  const auto parsed = Cron::parse(cron);
  if (!parsed) return parsed.error().message;
  const auto due = parsed->next(at(after), zone);
  return due ? to_iso8601(*due) : "never";
}

// A file of version 2 without changes: its footer alone says the offset.
TimeZone zone(const std::string& footer) {
  const std::string header = std::string("TZif2") + std::string(15, '\0') +
                             std::string("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\4", 24);
  const std::string type = std::string("\0\0\0\0\0\0LMT\0", 10);
  const auto parsed = TimeZone::parse(header + type + header + type + "\n" + footer + "\n");
  REQUIRE(parsed);
  return *parsed;
}

TimeZone berlin() {
  return zone("CET-1CEST,M3.5.0,M10.5.0/3");
}

}  // namespace

TEST_CASE("cron: fields are numbers, lists, ranges, steps and names") {
  CHECK(next("30 5 * * *", "2026-01-01T05:29:59Z") == "2026-01-01T05:30:00Z");
  CHECK(next("30 5 * * *", "2026-01-01T05:30:00Z") == "2026-01-02T05:30:00Z");
  CHECK(next("*/15 * * * *", "2026-01-01T05:31:00Z") == "2026-01-01T05:45:00Z");
  CHECK(next("5-20/5,50 3 * * *", "2026-01-01T03:15:00Z") == "2026-01-01T03:20:00Z");
  CHECK(next("5-20/5,50 3 * * *", "2026-01-01T03:20:00Z") == "2026-01-01T03:50:00Z");
  CHECK(next("20/15 * * * *", "2026-01-01T03:21:00Z") == "2026-01-01T03:35:00Z");
  CHECK(next("0 0 1 FEB *", "2026-03-01T00:00:00Z") == "2027-02-01T00:00:00Z");
  CHECK(next("0 0 * * MON-FRI", "2026-01-02T12:00:00Z") == "2026-01-05T00:00:00Z");
  CHECK(next("0 0 * * 7", "2026-01-02T12:00:00Z") == "2026-01-04T00:00:00Z");
  CHECK(next("0 0 29 2 *", "2026-01-01T00:00:00Z") == "2028-02-29T00:00:00Z");
  CHECK(next("0 0 30 2 *", "2026-01-01T00:00:00Z") == "never");
}

TEST_CASE("cron: of two days given either will do, of one and '*' both must") {
  CHECK(next("0 0 13 * FRI", "2026-01-01T00:00:00Z") == "2026-01-02T00:00:00Z");
  CHECK(next("0 0 13 * FRI", "2026-01-09T12:00:00Z") == "2026-01-13T00:00:00Z");
  CHECK(next("0 0 13 * *", "2026-01-01T00:00:00Z") == "2026-01-13T00:00:00Z");
}

TEST_CASE("cron: what is none is refused with the field") {
  CHECK(next("0 0 * *", "2026-01-01T00:00:00Z") ==
        "reading cron '0 0 * *': it needs five fields: minute hour day month weekday");
  for (const char* bad : {"60 0 * * *", "0 24 * * *", "0 0 0 * *", "0 0 32 * *", "0 0 * 13 *",
                          "0 0 * * 8", "0 0 * * MONDAY", "*/0 * * * *", "5-1 * * * *", "a * * * *",
                          ", * * * *", "1, * * * *", "@daily", "-1 * * * *", "*/ * * * *"}) {
    CAPTURE(bad);
    CHECK_FALSE(Cron::parse(bad));
  }
}

TEST_CASE("cron: a time zone's clock counts, in summer and winter") {
  CHECK(next("0 9 * * *", "2026-01-10T00:00:00Z", berlin()) == "2026-01-10T08:00:00Z");
  CHECK(next("0 9 * * *", "2026-07-10T00:00:00Z", berlin()) == "2026-07-10T07:00:00Z");
  CHECK(next("30 0 * * *", "2026-07-10T12:00:00Z", berlin()) == "2026-07-10T22:30:00Z");
  const TimeZone tokyo = zone("JST-9");
  CHECK(next("0 6 1 * *", "2026-01-15T00:00:00Z", tokyo) == "2026-01-31T21:00:00Z");
  const TimeZone sydney = zone("AEST-10AEDT,M10.1.0,M4.1.0/3");
  CHECK(next("0 12 * * *", "2026-01-10T02:00:00Z", sydney) == "2026-01-11T01:00:00Z");
  CHECK(next("0 12 * * *", "2026-07-10T00:00:00Z", sydney) == "2026-07-10T02:00:00Z");
}

TEST_CASE("cron: an hour that spring skips moves to the next minute there is") {
  // 29 March 2026: 02:00 becomes 03:00 in Berlin (01:00 UTC).
  CHECK(next("30 2 * * *", "2026-03-28T12:00:00Z", berlin()) == "2026-03-29T01:00:00Z");
  CHECK(next("30 2 * * *", "2026-03-29T01:00:00Z", berlin()) == "2026-03-30T00:30:00Z");
}

TEST_CASE("cron: an hour that comes twice in autumn counts once, unless every hour does") {
  // 25 October 2026: 03:00 becomes 02:00 (01:00 UTC).
  CHECK(next("30 2 * * *", "2026-10-24T12:00:00Z", berlin()) == "2026-10-25T00:30:00Z");
  CHECK(next("30 2 * * *", "2026-10-25T00:30:00Z", berlin()) == "2026-10-26T01:30:00Z");
  CHECK(next("30 * * * *", "2026-10-25T00:30:00Z", berlin()) == "2026-10-25T01:30:00Z");
}

TEST_CASE("time zones: files of this machine are read, nothing else is") {
  std::ifstream file("/usr/share/zoneinfo/America/New_York", std::ios::binary);
  if (file) {
    const std::string bytes((std::istreambuf_iterator<char>(file)),
                            std::istreambuf_iterator<char>());
    const auto parsed = TimeZone::parse(bytes);
    REQUIRE(parsed);
    CHECK(next("0 9 * * *", "2026-01-10T00:00:00Z", *parsed) == "2026-01-10T14:00:00Z");
    CHECK(next("0 9 * * *", "2026-07-10T00:00:00Z", *parsed) == "2026-07-10T13:00:00Z");
    CHECK(next("0 9 * * *", "2050-07-10T00:00:00Z", *parsed) == "2050-07-10T13:00:00Z");
    for (std::size_t cut = 0; cut < bytes.size(); cut += 97)
      static_cast<void>(TimeZone::parse(std::string_view(bytes).substr(0, cut)));
  } else {
    MESSAGE("skipped: no tzdata on this machine");
  }
  CHECK_FALSE(TimeZone::parse("TZif"));
  CHECK_FALSE(TimeZone::parse(std::string(200, '\0')));
  CHECK(is_time_zone_name("America/Argentina/Buenos_Aires"));
  for (const char* bad : {"", "/etc/passwd", "../x", "a//b", "a.b", "a b"})
    CHECK_FALSE(is_time_zone_name(bad));
}
