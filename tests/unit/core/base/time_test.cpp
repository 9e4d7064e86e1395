// SPDX-License-Identifier: MIT
#include "core/base/time.hpp"

#include <doctest/doctest.h>

using namespace gantry::core;

TEST_CASE("time: text and back, with and without milliseconds") {
  const Timestamp time(std::chrono::milliseconds(1767323045678));
  CHECK(to_iso8601(time) == "2026-01-02T03:04:05Z");
  CHECK(to_iso8601_millis(time) == "2026-01-02T03:04:05.678Z");
  CHECK(parse_iso8601("2026-01-02T03:04:05.678Z") == time);
  CHECK(parse_iso8601("2026-01-02T03:04:05Z") == time - std::chrono::milliseconds(678));
}

TEST_CASE("time: what is no UTC time is refused") {
  for (const char* text : {"", "2026-01-02", "2026-13-02T03:04:05Z", "2026-01-02 03:04:05Z",
                           "2026-01-02T03:04:05+01:00", "2026-02-30T03:04:05Z"}) {
    CAPTURE(text);
    CHECK(parse_iso8601(text) == std::nullopt);
  }
}
