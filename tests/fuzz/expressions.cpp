// SPDX-License-Identifier: MIT
// Any text as an expression, as a scalar with expressions in it and as a condition.
#include "core/expr/contexts.hpp"
#include "core/expr/evaluator.hpp"
#include "core/expr/interpolate.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace gantry::core::expr;

Environment environment() {
  Environment result;
  const auto contexts = parse_json(
      R"({"github": {"ref": "refs/heads/main", "event": {"n": 1, "list": [{"a": 1}, {"b": [2]}]}},
          "needs": {"x": {"result": "success"}}, "matrix": {"os": "linux", "v": 3.1}})");
  result.contexts = contexts->object();
  result.call = [](std::string_view, std::span<const Value>) { return Value(true); };
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Environment kEnvironment = environment();
  const std::string_view text = gantry::tests::text_of(data, size);
  const Scope scope = scope_of(Place::step_if);
  if (const auto parsed = parse(text, scope)) {
    const auto value = evaluate(*parsed, kEnvironment);
    // What is shown of a tree reads as the same tree. (Not as the same value: numbers are shown
    // with 15 digits.)
    if (value && parsed->root() != nullptr) {
      const std::string shown = to_text(*parsed->root());
      const auto again = parse(shown, scope);
      if (again && to_text(*again->root()) != shown) __builtin_trap();
    }
    if (value) parse_json(to_json(*value, JsonStyle::indented));
  }
  if (const auto condition = parse_condition(text, scope)) evaluate(*condition, kEnvironment);
  parse_scalar(text, scope_of(Place::step));
  return 0;
}
