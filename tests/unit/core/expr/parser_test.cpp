// SPDX-License-Identifier: MIT
#include "core/expr/parser.hpp"

#include "core/expr/contexts.hpp"

#include <doctest/doctest.h>

namespace gantry::core::expr {
namespace {

std::string parse_error(std::string_view text) {
  const auto parsed = parse(text, scope_of(Place::step_if));
  return parsed ? "parsed" : parsed.error().message;
}

std::string normal_form(std::string_view text) {
  const auto parsed = parse(text, scope_of(Place::step_if));
  return parsed ? to_text(*parsed->root()) : parsed.error().message;
}

}  // namespace

TEST_CASE("parser: operators bind as documented and chains become one node") {
  CHECK(normal_form("1 < 2 == 3 > 4 && 5 || !6") == "((((1 < 2) == (3 > 4)) && 5) || !6)");
  CHECK(normal_form("1 && 2 && (3 && 4)") == "(1 && 2 && 3 && 4)");
  CHECK(normal_form("GitHub.event['a b'][0].*.x") == "GitHub.event['a b'][0].*.x");
  CHECK(normal_form("!github.a[env.b].c") == "!github.a[env.b].c");
  CHECK(normal_form("contains ( 'it''s' , toJson(null) )") == "contains('it''s', toJson(null))");
}

TEST_CASE("parser: messages name the symbol and its place in UTF-16 units") {
  CHECK(parse_error("secrets.x") ==
        "Unrecognized named-value: 'secrets'. Located at position 1 within expression: secrets.x");
  CHECK(parse_error("'\U0001F600' == foo") ==
        "Unrecognized named-value: 'foo'. Located at position 9 within expression: '\U0001F600' == "
        "foo");
  CHECK(parse_error("nope(1)") ==
        "Unrecognized function: 'nope'. Located at position 1 within expression: nope(1)");
  CHECK(parse_error("1 == contains(1)") ==
        "Too few parameters supplied: 'contains'. Located at position 6 within expression: 1 == "
        "contains(1)");
  CHECK(parse_error("always(1)") ==
        "Too many parameters supplied: 'always'. Located at position 1 within expression: "
        "always(1)");
  CHECK(parse_error("github.") ==
        "Unexpected end of expression: '.'. Located at position 7 within expression: github.");
  CHECK(parse_error("github[0") ==
        "Unexpected end of expression: '0'. Located at position 8 within expression: github[0");
  CHECK(parse_error("\"text\"") ==
        "Unexpected symbol: '\"text\"'. Located at position 1 within expression: \"text\"");
  for (const char* text :
       {")",         "(",   "()",           "1)",         "a b",  "[1]", "1[0]", "1.a",
        "github..a", "*",   "github.*a",    "(1]",        "!",    "1 !", "== 1", "format(",
        "format(,)", "1,2", "contains(1,)", "github.'a'", "-0xF", "1x",  "&&",   "\xff"}) {
    CHECK_MESSAGE(parse_error(text) != "parsed", text);
  }
}

TEST_CASE("parser: keywords are exact, after a point they are names") {
  CHECK(parse_error("True").starts_with("Unrecognized named-value: 'True'"));
  CHECK(parse_error("github.true.null") == "parsed");
}

TEST_CASE("parser: length and depth are limited, however the depth is made") {
  CHECK(parse_error(std::string(21'000, ' ')) == "parsed");
  CHECK(parse_error(std::string(21'001, ' ')) == "Exceeded max expression length 21000");
  const std::string message = "Exceeded max expression depth 50";
  CHECK(parse_error(std::string(20'000, '!') + "1") == message);
  CHECK(parse_error(std::string(10'000, '(') + "1" + std::string(10'000, ')')) == "parsed");
  std::string calls;
  for (int i = 0; i < 2'000; ++i)
    calls += "toJSON(";
  CHECK(parse_error(calls + "1" + std::string(2'000, ')')) == message);
  std::string chain = "1";
  for (int i = 0; i < 2'000; ++i)
    chain += " || 1";
  CHECK(parse_error(chain) == "parsed");
}

TEST_CASE("parser: a status function counts anywhere in the tree, but not as a word") {
  const auto has = [](std::string_view text) {
    return calls_status_function(*parse(text, scope_of(Place::step_if))->root());
  };
  CHECK(has("github.x == format('{0}', FAILURE())"));
  CHECK_FALSE(has("github.failure == 'always()'"));
}

TEST_CASE("contexts: secrets are not to be had in conditions") {
  CHECK(parse("secrets.x", scope_of(Place::step)));
  CHECK_FALSE(parse("secrets.x", scope_of(Place::step_if)));
  CHECK_FALSE(parse("matrix.x", scope_of(Place::job_if)));
  CHECK(parse("success('a', 'b')", scope_of(Place::job_if)));
  CHECK_FALSE(parse("success('a')", scope_of(Place::step_if)));
  CHECK_FALSE(parse("hashFiles('a')", scope_of(Place::job)));
}

}  // namespace gantry::core::expr
