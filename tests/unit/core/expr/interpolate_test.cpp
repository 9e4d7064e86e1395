// SPDX-License-Identifier: MIT
#include "core/expr/interpolate.hpp"

#include "core/expr/contexts.hpp"

#include <doctest/doctest.h>

namespace gantry::core::expr {
namespace {

std::string scalar(std::string_view text) {
  const auto parsed = parse_scalar(text, scope_of(Place::step));
  if (!parsed) return parsed.error().front().message;
  constexpr std::string_view kKinds[] = {"text ", "expression ", "insert "};
  return std::string(kKinds[static_cast<std::size_t>(parsed->kind)]) + parsed->text;
}

std::string condition(std::string_view text) {
  const auto parsed = parse_condition(text, scope_of(Place::step_if));
  return parsed ? std::string(parsed->text()) : parsed.error().front().message;
}

}  // namespace

TEST_CASE("scalar: one expression stays itself, mixed text becomes format()") {
  CHECK(scalar("plain $ {{ }}") == "text plain $ {{ }}");
  CHECK(scalar("${{  github.ref }}") == "expression github.ref");
  CHECK(scalar("it's {a} ${{ github.ref }}-${{ 'x' }}") ==
        "expression format('it''s {{a}} {0}-{1}', github.ref, 'x')");
  CHECK(scalar(" ${{ github.ref }}") == "expression format(' {0}', github.ref)");
}

TEST_CASE("scalar: a single string literal is text") {
  CHECK(scalar("${{ '${{ it''s }}' }}") == "text ${{ it's }}");
  CHECK(scalar("${{ 'a' == 'b' }}") == "expression 'a' == 'b'");
  CHECK(scalar("${{ 1 }}") == "expression 1");
}

TEST_CASE("scalar: an expression ends at the first braces outside a string") {
  CHECK(scalar("${{ '}}' }}}}") == "expression format('{0}}}}}', '}}')");
  const std::string unclosed =
      "The expression is not closed. An unescaped ${{ sequence was found, but the closing }} "
      "sequence was not found.";
  CHECK(scalar("a ${{ github") == unclosed);
  CHECK(scalar("${{ 'a }}") == unclosed);
  CHECK(scalar("${{}") == unclosed);
}

TEST_CASE("scalar: every wrong expression is reported") {
  const auto parsed = parse_scalar("${{ a }} ${{ }} ${{ b }}", scope_of(Place::step));
  REQUIRE(!parsed);
  REQUIRE(parsed.error().size() == 3);
  CHECK(parsed.error()[0].message.starts_with("Unrecognized named-value: 'a'"));
  CHECK(parsed.error()[1].message == "An expression was expected");
  CHECK(parsed.error()[2].message.starts_with("Unrecognized named-value: 'b'"));
}

TEST_CASE("scalar: insert stands alone") {
  CHECK(scalar("${{ insert }}") == "insert insert");
  CHECK(scalar("a ${{ insert }}").starts_with("The directive 'insert' is not allowed"));
  CHECK(scalar("${{ insert x }}").starts_with("Exactly 0 parameter(s)"));
}

TEST_CASE("condition: success() is put in front unless a status function is called") {
  CHECK(condition("") == "success()");
  CHECK(condition("  ") == "success()");
  CHECK(condition("github.ref == 'x'") == "success() && (github.ref == 'x')");
  CHECK(condition("${{ github.ref }}") == "success() && (github.ref)");
  CHECK(condition("!cancelled()") == "!cancelled()");
  CHECK(condition("${{ github.x || Always() }}") == "github.x || Always()");
  CHECK(condition("false") == "success() && (false)");
}

TEST_CASE("condition: text around an expression makes it a text, which is true") {
  CHECK(condition("${{ github.a }} == 'b'") == "success() && (format('{0} == ''b''', github.a))");
  CHECK(condition("secrets.x").starts_with("Unrecognized named-value: 'secrets'"));
}

}  // namespace gantry::core::expr
