// SPDX-License-Identifier: MIT
// Gantry's side of the differential check: a JSON case a line in, a JSON answer a line out.
//   {"expr": "…", "contexts": {…}}  →  {"value": …} or {"error": "parsing" | "evaluation", "text"}
//   {"workflow": "…"}               →  {"errors": [{"line", "column", "message"}]}
#include "core/expr/evaluator.hpp"
#include "core/expr/parser.hpp"
#include "core/workflow/workflow.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <iostream>

namespace {

using namespace gantry::core;
using json = nlohmann::ordered_json;  // contexts keep their order

// Numbers as text: JSON has no NaN, and every digit counts.
json encode(const expr::Value& value) {
  switch (value.kind()) {
    case expr::Kind::null:
      return nullptr;
    case expr::Kind::boolean:
      return value.boolean();
    case expr::Kind::number: {
      if (std::isnan(value.number())) return {{"number", "NaN"}};
      if (std::isinf(value.number())) return {{"number", value.number() > 0 ? "inf" : "-inf"}};
      return {{"number", value.number() == 0 ? 0.0 : value.number()}};
    }
    case expr::Kind::string:
      return value.string();
    case expr::Kind::array: {
      json items = json::array();
      for (const auto& item : value.array())
        items.push_back(encode(item));
      return items;
    }
    case expr::Kind::object: {
      json entries = json::array();
      for (const auto& [key, item] : value.object().entries())
        entries.push_back({key, encode(item)});
      return {{"object", entries}};
    }
  }
  return nullptr;
}

json answer_expression(const json& test) {
  expr::Environment environment;
  std::vector<std::string_view> names;
  const auto contexts = expr::parse_json(test["contexts"].dump());
  if (!contexts) return {{"error", "contexts"}, {"text", contexts.error().message}};
  environment.contexts = contexts->object();
  for (const auto& entry : environment.contexts.entries())
    names.push_back(entry.first);
  const auto parsed = expr::parse(test["expr"].get<std::string>(), expr::Scope{names, {}});
  if (!parsed) return {{"error", "parsing"}, {"text", parsed.error().message}};
  const auto value = expr::evaluate(*parsed, environment);
  if (!value) return {{"error", "evaluation"}, {"text", value.error().message}};
  return {{"value", encode(*value)}};
}

json answer_workflow(const json& test) {
  const auto parsed = workflow::parse_as_github("w.yml", test["workflow"].get<std::string>());
  json errors = json::array();
  for (const auto& diagnostic : parsed.diagnostics) {
    if (diagnostic.severity != yaml::Severity::error) continue;
    errors.push_back({{"line", diagnostic.position.line},
                      {"column", diagnostic.position.column},
                      {"kind", diagnostic.kind},
                      {"message", diagnostic.message}});
  }
  return {{"errors", errors}};
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    const json test = json::parse(line);
    const json answer = test.contains("expr") ? answer_expression(test) : answer_workflow(test);
    std::cout << answer.dump(-1, ' ', false, json::error_handler_t::replace) << '\n';
  }
  return 0;
}
