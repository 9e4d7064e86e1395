// SPDX-License-Identifier: MIT
#include "core/yaml/node.hpp"

#include <doctest/doctest.h>

#include <cmath>

namespace gantry::core::yaml {
namespace {

Node value_of(const std::string& scalar) {
  const Document document = parse("v: " + scalar + "\n");
  REQUIRE_MESSAGE(document.root, scalar);
  return *document.root->find("v");
}

std::string problem_of(std::string_view text, const Limits& limits = {}) {
  const Document document = parse(text, limits);
  return document.diagnostics.empty() ? "" : document.diagnostics.front().message;
}

TEST_CASE("yaml: plain scalars are typed by the 1.2 core schema") {
  for (const char* text : {"", "~", "null", "Null", "NULL"})
    CHECK(value_of(text).kind == NodeKind::null);
  for (const char* text : {"true", "True", "FALSE"})
    CHECK(value_of(text).kind == NodeKind::boolean);
  for (const char* text : {"on", "yes", "no", "off", "y", "nULL", "1_000", "0b1", "1e", "0x", "+",
                           ".", "12:30:45", "2001-01-01", "-.nan"})
    CHECK_MESSAGE(value_of(text).kind == NodeKind::string, text);
  const std::pair<const char*, double> numbers[] = {
      {"3.10", 3.1}, {"0o17", 15},         {"0xFF", 255},       {"0xFFFFFFFF", -1},
      {"010", 10},   {"-.5", -0.5},        {"1.", 1},           {"1e3", 1000},
      {"+12", 12},   {"-.inf", -INFINITY}, {"1e999", INFINITY}, {"1e-999", 0}};
  for (const auto& [text, number] : numbers) {
    const Node node = value_of(text);
    CHECK_MESSAGE(node.kind == NodeKind::number, text);
    CHECK_MESSAGE(node.number == number, text);
  }
  CHECK(std::isnan(value_of(".NaN").number));
}

TEST_CASE("yaml: quoted and block scalars are strings, tags decide for plain ones") {
  for (const char* text : {"'1'", "\"true\"", "|\n  1\n", ">-\n  null\n", "!!str 1"})
    CHECK(value_of(text).kind == NodeKind::string);
  CHECK(value_of("!!float 1").number == 1);
  CHECK(value_of("!!int 0x10").number == 16);
  CHECK(problem_of("v: !!int '1'\n").find("not valid with the tag") != std::string::npos);
  CHECK(problem_of("v: !!bool 1\n") ==
        "The value '1' on line 1 and column 4 is invalid for the type 'tag:yaml.org,2002:bool'");
  CHECK(problem_of("v: 0x1FFFFFFFF\n").find("is invalid for the type") != std::string::npos);
}

TEST_CASE("yaml: positions count code points from one, duplicate keys are kept") {
  const Document document = parse(
      "\xEF\xBB\xBF"
      "ä: [x, {k: v, k: w}]\n");
  REQUIRE(document.root);
  CHECK(document.root->position == Position{1, 1});
  const Node& list = *document.root->find("ä");
  CHECK(list.position == Position{1, 4});
  CHECK(list.items[1].entries.size() == 2);
  CHECK(list.items[1].entries[1].value.position == Position{1, 18});
}

TEST_CASE("yaml: an alias repeats its anchor, the newest of a name") {
  const Document document = parse("a: &x [1]\nb: *x\nc: &x 2\nd: *x\n<<: *x\n");
  REQUIRE(document.root);
  CHECK(document.root->find("b")->items.at(0).number == 1);
  CHECK(document.root->find("d")->number == 2);
  CHECK(document.root->find("<<") != nullptr);
}

TEST_CASE("yaml: limits hold for depth and events, counting what aliases repeat") {
  CHECK(problem_of("[[[]]]", {.depth = 3}).empty());
  CHECK(problem_of("[[[]]]", {.depth = 2}) == "Maximum object depth exceeded");
  CHECK(problem_of("- &a [[1]]\n- [*a]\n", {.depth = 3}) == "Maximum object depth exceeded");
  CHECK(problem_of("[1, 2]", {.events = 4}).empty());
  CHECK(problem_of("[1, 2]", {.events = 3}) == "Maximum YAML nodes exceeded");
  CHECK(problem_of("[&a [1], *a]", {.events = 8}).empty());
  CHECK(problem_of("[&a [1], *a]", {.events = 7}) == "Maximum YAML nodes exceeded");
  std::string nested = "v: 1\n";
  for (int i = 0; i < 40; ++i)
    nested = "&a" + std::to_string(i) + " [" + nested.substr(0, nested.size() - 1) + ", 1]\n";
  CHECK(problem_of(nested, {.events = 500}) == "Maximum YAML nodes exceeded");
  CHECK(problem_of("😀", {.characters = 1}) ==
        "The maximum file size of 1 characters has been exceeded");
}

TEST_CASE("yaml: a file without content is one null") {
  for (const char* text : {"", "# only a comment\n", "---\n"}) {
    const Document document = parse(text);
    REQUIRE(document.root);
    CHECK(document.root->kind == NodeKind::null);
  }
}

TEST_CASE("yaml: a syntax error has its place and what to do") {
  const Document document = parse("a: b: c\n");
  CHECK_FALSE(document.root);
  REQUIRE(document.diagnostics.size() == 1);
  CHECK(document.diagnostics[0].position == Position{1, 5});
  CHECK_FALSE(document.diagnostics[0].hint.empty());
  CHECK(problem_of("a: [1\n").find("not valid YAML") != std::string::npos);
  CHECK(problem_of("? {a: 1}\n: b\n") == "A key has to be a scalar");
}

}  // namespace
}  // namespace gantry::core::yaml
