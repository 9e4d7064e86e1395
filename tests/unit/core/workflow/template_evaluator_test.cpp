// SPDX-License-Identifier: MIT
#include "core/workflow/template_evaluator.hpp"

#include "core/workflow/reader.hpp"

#include <doctest/doctest.h>

namespace gantry::core::workflow {
namespace {

// Read as the grammar's step-map, whose values are strings, or any other definition.
Token read(std::string_view yaml, std::string_view definition) {
  const auto document = yaml::parse(yaml);
  REQUIRE(document.root);
  ReadResult result = read_tokens(*document.root, Schema::workflow(), definition);
  REQUIRE_MESSAGE(result.diagnostics.empty(), result.diagnostics.front().message);
  return std::move(result.token);
}

expr::Environment environment() {
  expr::Environment environment{.contexts = expr::Object()};
  environment.contexts.set(
      "github", *expr::parse_json(R"({"list": [1, [2]], "map": {"A": 1, "B": null}, "n": 3.10,
                                      "yes": true, "name": "x", "null": null})"));
  return environment;
}

std::string json(std::string_view yaml, std::string_view definition) {
  const auto value = evaluate(read(yaml, definition), environment());
  return value ? expr::to_json(*value) : "error: " + value.error().message;
}

TEST_CASE("template: a whole expression keeps its type, mixed text is a string") {
  CHECK(json("{a: '${{ github.n }}', b: 'v${{ github.n }}', c: '${{ github.map }}'}",
             "call-inputs") == R"({"a":3.1,"b":"v3.1","c":{"A":1,"B":null}})");
}

TEST_CASE("template: a sequence an expression gives is spliced into the one around it") {
  CHECK(json("[a, '${{ github.list }}', b]", "runs-on") == R"(["a",1,[2],"b"])");
}

TEST_CASE("template: insert merges a mapping, an expression may be a key") {
  CHECK(json("{'${{ insert }}': '${{ github.map }}', '${{ github.name }}': 1}", "step-map") ==
        R"({"A":1,"B":null,"x":"1"})");
  CHECK(json("{'${{ insert }}': '${{ github.null }}'}", "step-map") == "{}");
  CHECK(json("{'${{ insert }}': '${{ github.n }}'}", "step-map") == "error: Expected a mapping");
}

TEST_CASE("template: keys that become equal are an error, ignoring case") {
  CHECK(json("{X: 1, '${{ github.name }}': 2}", "step-map") == "error: 'x' is already defined");
  CHECK(json("{a: 1, '${{ insert }}': '${{ github.map }}'}", "step-map") ==
        "error: 'A' is already defined");
}

TEST_CASE("template: typed helpers coerce scalars and refuse the rest at its place") {
  const auto env = environment();
  const auto map = evaluate_string_map(
      read("{a: '${{ github.n }}', b: '${{ github.yes }}', c: '${{ github.null }}'}", "step-map"),
      env);
  REQUIRE(map);
  CHECK(*map == StringMap{{"a", "3.1"}, {"b", "true"}, {"c", ""}});

  const auto wrong = evaluate_string_map(read("{a: 1,\n b: '${{ github.map }}'}", "step-map"), env);
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().message == "A mapping was not expected");
  CHECK(wrong.error().position == yaml::Position{2, 5});

  CHECK(evaluate_strings(read("x", "runs-on"), env) == std::vector<std::string>{"x"});
  CHECK(evaluate_number(read("${{ github.n }}", "step-number"), env) == 3.1);
  CHECK_FALSE(evaluate_number(read("${{ github.name }}", "step-number"), env));
  CHECK(evaluate_boolean(read("${{ github.yes }}", "step-boolean"), env) == true);
  CHECK_FALSE(evaluate_boolean(read("${{ github.n }}", "step-boolean"), env));
  CHECK(evaluate_string({}, env) == "");
  CHECK(evaluate_condition(read("${{ github.map }}", "step-string"), env) == true);
}

TEST_CASE("template: what grows beyond the limit is an error") {
  Token token;
  token.kind = TokenKind::sequence;
  Token item;
  item.kind = TokenKind::string;
  item.text = std::string(600'000, 'a');
  token.items.assign(10, item);
  const auto value = evaluate(token, environment());
  REQUIRE_FALSE(value);
  CHECK(value.error().message == "Maximum object size exceeded");
}

}  // namespace
}  // namespace gantry::core::workflow
