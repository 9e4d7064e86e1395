// SPDX-License-Identifier: MIT
// The public expression cases: each is parsed with the names of its contexts and evaluated.
#include "core/expr/evaluator.hpp"
#include "core/expr/parser.hpp"
#include "tests/support/conformance.hpp"

#include <algorithm>

namespace gantry::core::expr {
namespace {

std::string_view kind_name(Kind kind) {
  constexpr std::string_view kNames[] = {"Null", "Boolean", "Number", "String", "Array", "Object"};
  return kNames[static_cast<std::size_t>(kind)];
}

bool is_skipped(const Value& test) {
  const Value& skip = test["options"]["skip"];
  if (skip.kind() != Kind::array) return false;
  return std::any_of(skip.array().begin(), skip.array().end(),
                     [](const Value& v) { return v.to_string() == "C#"; });
}

// What happened, in the words of the data: kind and value, or parsing/evaluation and the message.
struct Outcome {
  std::string kind;
  Value value;
};

Outcome run(const Value& test) {
  Environment environment;
  std::vector<std::string_view> names;
  if (test["contexts"].kind() == Kind::object) {
    // Read again: the file as a whole is read with exact keys, contexts ignore case.
    environment.contexts = parse_json(to_json(test["contexts"]))->object();
    for (const auto& [name, value] : test["contexts"].object().entries())
      names.push_back(name);
  }
  const auto parsed = parse(test["expr"].string(), Scope{names, {}});
  if (!parsed) return {"parsing", parsed.error().message};
  const auto value = evaluate(*parsed, environment);
  if (!value) return {"evaluation", value.error().message};
  return {std::string(kind_name(value->kind())), *value};
}

bool same_order(const Value& a, const Value& b) {
  if (a.kind() != b.kind()) return false;
  if (a.kind() == Kind::array) {
    return std::equal(a.array().begin(), a.array().end(), b.array().begin(), b.array().end(),
                      same_order);
  }
  if (a.kind() != Kind::object) return deep_equal(a, b);
  const auto& x = a.object().entries();
  const auto& y = b.object().entries();
  return std::equal(x.begin(), x.end(), y.begin(), y.end(), [](const auto& l, const auto& r) {
    return l.first == r.first && same_order(l.second, r.second);
  });
}

bool passes(const Value& test, const Outcome& outcome) {
  const Value& error = test["err"];
  if (error.is_null()) {
    return outcome.kind == test["result"]["kind"].to_string() &&
           same_order(outcome.value, test["result"]["value"]);
  }
  // Lexing and parsing are one step here: both are refused before evaluation.
  const std::string expected = error["kind"].to_string() == "evaluation" ? "evaluation" : "parsing";
  return outcome.kind == expected &&
         outcome.value.to_string().find(error["value"].to_string()) != std::string::npos;
}

}  // namespace

TEST_CASE("every public expression case gives its stated value or error") {
  const auto folder = tests::conformance_data("languageservices/expressions");
  if (!folder) return;
  std::size_t total = 0;
  std::size_t skipped = 0;
  for (const auto& entry : std::filesystem::directory_iterator(*folder)) {
    if (entry.path().extension() != ".json") continue;
    std::size_t count = 0;
    const auto groups = parse_json(read_file(entry.path()), Keys::case_sensitive);
    REQUIRE_MESSAGE(groups, entry.path().string());
    for (const auto& [group, cases] : groups->object().entries()) {
      for (const Value& test : cases.array()) {
        ++count;
        if (is_skipped(test)) {
          ++skipped;
          continue;
        }
        const Outcome outcome = run(test);
        CHECK_MESSAGE(passes(test, outcome), entry.path().filename().string()
                                                 << " / " << group << " / " << to_json(test)
                                                 << "\n  gave " << outcome.kind << " "
                                                 << to_json(outcome.value));
      }
    }
    MESSAGE(entry.path().filename().string() << ": " << count << " cases");
    total += count;
  }
  CHECK(total > 0);
  MESSAGE("expression cases: " << total << ", skipped: " << skipped);
}

}  // namespace gantry::core::expr
