// SPDX-License-Identifier: MIT
#include "core/expr/evaluator.hpp"

#include "core/expr/contexts.hpp"
#include "core/expr/parser.hpp"

#include <doctest/doctest.h>

namespace gantry::core::expr {
namespace {

Environment sample() {
  Environment environment;
  environment.contexts = parse_json(R"({"github": {"ref": "refs/heads/main", "n": 1.5,
                     "list": [{"a": 1}, {"b": 2}, 3, {"a": [7, 8]}]}, "matrix": null})")
                             ->object();
  Object env(Keys::case_sensitive);
  env.set("Path", "/bin");
  environment.contexts.set("env", Value(std::move(env)));
  environment.call = [](std::string_view name, std::span<const Value> arguments) -> Result<Value> {
    if (name == "hashfiles") return Value("hash of " + arguments[0].to_string());
    if (name == "failure") return fail(Errc::internal, "no status here");
    return Value(name == "always");
  };
  return environment;
}

Result<Value> run(std::string_view text, const Environment& environment = sample()) {
  const auto parsed = parse(text, scope_of(Place::step_if));
  REQUIRE_MESSAGE(parsed, parsed.error().message);
  return evaluate(*parsed, environment);
}

std::string json(std::string_view text) {
  const auto value = run(text);
  return value ? to_json(*value) : value.error().message;
}

}  // namespace

TEST_CASE("evaluator: a wildcard maps, drops items without the key, and flattens") {
  CHECK(json("github.list.*.a") == "[1,[7,8]]");
  CHECK(json("github.list.*.*") == "[1,2,[7,8]]");
}

TEST_CASE("evaluator: names ignore case, except those of env") {
  CHECK(json("GITHUB.Ref") == "\"refs/heads/main\"");
  CHECK(json("env.PATH") == "null");
  CHECK(json("env.Path") == "\"/bin\"");
  CHECK(json("matrix.os.version") == "null");
}

TEST_CASE("evaluator: a missing thing is null, never an error") {
  CHECK(json("github.list[99]") == "null");
  CHECK(json("github.list[-1]") == "null");
  CHECK(json("github.list[1.9].b") == "2");
  CHECK(json("github.ref.x.y") == "null");
}

TEST_CASE("evaluator: and, or give an operand and stop early") {
  CHECK(json("'' || github.n") == "1.5");
  CHECK(json("0 && failure()") == "0");
  CHECK(json("1 || failure()") == "1");
  CHECK(json("failure()") == "no status here");
  CHECK(json("case(true, 1, failure(), 2, 3)") == "1");
}

TEST_CASE("evaluator: functions of the environment get values and a lower-case name") {
  CHECK(json("HashFiles('a.txt')") == "\"hash of a.txt\"");
  CHECK(json("always()") == "true");
}

TEST_CASE("format: escapes, arguments and what is wrong with them") {
  CHECK(json("format('{{{0}}} {1} {0}', 'a', null)") == "\"{a}  a\"");
  CHECK(json("format('{0:x}', 1)") ==
        "The format specifiers 'x' are not valid for objects of type 'Number'");
  CHECK(json("format('{256}', 1)") == "The following format string is invalid: {256}");
  CHECK(json("format('{ 0}', 1)") == "The following format string is invalid: { 0}");
  CHECK(json("format('{}', 1)") == "The following format string is invalid: {}");
  CHECK(json("format('{1}', 1)") ==
        "The following format string references more arguments than were supplied: {1}");
}

TEST_CASE("fromJSON: forgives what GitHub's reader forgives") {
  CHECK(json("fromJSON('{a: ''x'', /* c */ \"b\": [1,,0x10,010,], // end\n}')") ==
        "{\"a\":\"x\",\"b\":[1,\"\",16,8]}");
  CHECK(json("fromJSON('1 and more')") == "1");
  CHECK(json("fromJSON('{\"A\":1,\"a\":2}')") == "{\"A\":2}");
  CHECK(json("fromJSON('\"\\uD83D\\uDE00\"')") == "\"\U0001F600\"");
  CHECK(json("fromJSON('-Infinity') < 0") == "true");
}

TEST_CASE("fromJSON: what is no JSON is an error that says where") {
  CHECK(json("fromJSON('')") == "Error parsing fromJson: unexpected end of JSON at position 1");
  CHECK(json("fromJSON('{\"a\" 1}')") ==
        "Error parsing fromJson: expected ':' after a property name at position 6");
  CHECK(json("fromJSON('[1 2]')") ==
        "Error parsing fromJson: expected ',' or ']' after an item at position 4");
  CHECK(json("fromJSON('truex')") == "Error parsing fromJson: unexpected character at position 1");
  CHECK(json("fromJSON('\"\\x\"')") == "Error parsing fromJson: unknown escape at position 4");
  CHECK(json("fromJSON('[')").starts_with("Error parsing fromJson"));
  Environment environment = sample();
  environment.contexts.set("inputs", Value(std::string(100'000, '[')));
  const auto deep = run("fromJSON(inputs)", environment);
  REQUIRE(!deep);
  CHECK(deep.error().message ==
        "Error parsing fromJson: nested deeper than 64 levels at position 65");
}

TEST_CASE("evaluator: a bomb ends in the memory error that names the expression") {
  Environment environment = sample();
  environment.contexts.set("inputs", Value(std::string(300'000, 'x')));
  const auto value = run("format('{0}{0}', inputs)", environment);
  REQUIRE(!value);
  CHECK(value.error().code == Errc::too_large);
  CHECK(value.error().message ==
        "The maximum allowed memory size was exceeded while evaluating the following expression: "
        "format('{0}{0}', inputs)");
  environment.memory_limit_bytes = 300;
  CHECK_FALSE(run("toJSON(github)", environment));
  CHECK(run("github.ref", environment));
}

TEST_CASE("evaluator: the observer is told every evaluated node, children first") {
  std::string seen;
  Environment environment = sample();
  environment.observe = [&](const Node& node, const Value& value) {
    seen += to_text(node) + "=" + to_json(value) + ";";
  };
  REQUIRE(run("github.n == 1.5 || always()", environment));
  CHECK(seen.find("github.n=1.5;1.5=1.5;(github.n == 1.5)=true;") != std::string::npos);
  CHECK(seen.find("always") == seen.rfind("always"));  // only in the text of the whole
}

}  // namespace gantry::core::expr
