// SPDX-License-Identifier: MIT
#include "core/base/text.hpp"

#include <doctest/doctest.h>

using namespace gantry::core;

TEST_CASE("text: the closest match is offered only when it is near") {
  const std::vector<std::string> keys{"steps", "needs", "strategy"};
  CHECK(closest_match("step", keys) == "steps");
  CHECK(closest_match("strat", keys).empty());
  CHECK(closest_match("zzz", keys).empty());
}

TEST_CASE("text: cutting respects UTF-8 borders") {
  CHECK(cut_utf8("äöü", 6) == "äöü");
  CHECK(cut_utf8("äöüä", 7) == "äö…");
  CHECK(cut_utf8("äöü", 3, "") == "ä");
}

TEST_CASE("text: invalid UTF-8 becomes the replacement character") {
  CHECK(to_valid_utf8("a\xFFz") == "a\xEF\xBF\xBDz");
  CHECK(to_valid_utf8("ü€😀") == "ü€😀");
  CHECK(to_valid_utf8("\xED\xA0\x80") == "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST_CASE("text: split keeps empty parts and trim takes white space only") {
  CHECK(split("a,,b", ',') == std::vector<std::string_view>{"a", "", "b"});
  CHECK(trim(" \t a b \r\n") == "a b");
  CHECK(replace_all("aXbX", "X", "yy") == "ayybyy");
}
