// SPDX-License-Identifier: MIT
#include "daemon/http/wire.hpp"

#include <doctest/doctest.h>

using namespace gantry;
using namespace gantry::daemon::http;

TEST_CASE("wire: targets in origin and absolute form") {
  const auto origin = parse_target("/a/b?c=d?e");
  REQUIRE(origin);
  CHECK(origin->path == "/a/b");
  CHECK(origin->query == "c=d?e");
  const auto absolute = parse_target("HTTP://host:80?x=1");
  REQUIRE(absolute);
  CHECK(absolute->host == "host:80");
  CHECK(absolute->target == "/?x=1");
  for (const char* bad : {"", "*", "a:1", "http://", "http:///x", "ftp://a/"}) {
    CAPTURE(std::string(bad));
    CHECK_FALSE(parse_target(bad));
  }
}

TEST_CASE("wire: dates have HTTP's form") {
  CHECK(http_date(*core::parse_iso8601("1994-11-15T08:12:31Z")) == "Tue, 15 Nov 1994 08:12:31 GMT");
}

TEST_CASE("wire: headers that would break out of their line are seen") {
  Headers good;
  good.add("A", "b: c");
  CHECK_FALSE(is_unsafe(good));
  const std::pair<std::string, std::string> cases[] = {
      {"A\r", "b"}, {"A", "b\nc"}, {"A", std::string("b\0", 2)},
      {"", "b"},    {"A:", "b"},   {"A ", "b"}};
  for (const auto& [name, value] : cases) {
    Headers headers;
    headers.add(name, value);
    CHECK(is_unsafe(headers));
  }
}

TEST_CASE("message: forms and percent signs") {
  const auto form = parse_form("a=1&b=x+y%21&c&=d&&a=2");
  REQUIRE(form.size() == 5);
  CHECK(form[1].second == "x y!");
  CHECK(form[2].first == "c");
  CHECK(percent_decode("a+b%2") == "a+b%2");
  CHECK(percent_encode("a/ü-~") == "a%2F%C3%BC-~");
  Headers headers;
  headers.add("X-A", "1");
  headers.set("x-a", "2");
  CHECK(headers.fields.size() == 1);
  CHECK(headers.find("X-a") == "2");
}
