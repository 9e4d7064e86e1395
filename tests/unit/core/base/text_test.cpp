// SPDX-License-Identifier: MIT
#include "core/base/text.hpp"

#include "core/base/ids.hpp"

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

TEST_CASE("text: the id made of a name is its own, above GitHub's, and has fifteen digits") {
  CHECK(made_id("octo/hello") == made_id("Octo/Hello"));
  CHECK(made_id("octo/hello") != made_id("octo/hell"));
  for (const char* name : {"", "a", "octo/hello", "octo/other"}) {
    CHECK(made_id(name) >= 281'474'976'710'656);
    CHECK(made_id(name) < 1'000'000'000'000'000);
  }
}

TEST_CASE("text: split keeps empty parts and trim takes white space only") {
  CHECK(split("a,,b", ',') == std::vector<std::string_view>{"a", "", "b"});
  CHECK(trim(" \t a b \r\n") == "a b");
  CHECK(replace_all("aXbX", "X", "yy") == "ayybyy");
}
