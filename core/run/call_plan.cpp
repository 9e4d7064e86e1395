// SPDX-License-Identifier: MIT
#include "core/run/call_plan.hpp"

#include "core/base/text.hpp"
#include "core/run/job_plan.hpp"

namespace gantry::core::run {
namespace {

using expr::Kind;
using expr::Value;
using workflow::StringMap;
using workflow::Token;

constexpr std::size_t kMaxShownValue = 100;

Value absent(std::string_view type) {
  if (type == "boolean") return false;
  if (type == "number") return 0;
  return "";
}

// Values are checked, not converted: 'true' is no boolean. Any scalar will do as a string.
bool fits(const Value& value, std::string_view type) {
  if (type == "boolean") return value.kind() == Kind::boolean;
  if (type == "number") return value.kind() == Kind::number;
  return value.kind() != Kind::array && value.kind() != Kind::object;
}

expr::Object some_of(const expr::Object& contexts, std::initializer_list<const char*> names) {
  expr::Object some;
  for (const char* name : names) {
    if (const Value* value = contexts.find(name)) some.set(name, *value);
  }
  return some;
}

}  // namespace

Evaluated<Value> call_inputs(const workflow::Job& job, const workflow::Workflow& callee,
                             const expr::Object& contexts) {
  expr::Object inputs;
  const auto* trigger = callee.find_trigger("workflow_call");
  if (trigger == nullptr) return Value(std::move(inputs));
  const expr::Environment given{.contexts = contexts};
  const expr::Environment by_default{.contexts = some_of(contexts, {"github", "inputs", "vars"})};
  for (const workflow::DispatchInput& input : trigger->inputs) {
    const Token* token = job.with.find(input.name);
    const bool is_given = token != nullptr;
    if (!is_given) token = &input.default_value;
    auto value = workflow::evaluate(*token, is_given ? given : by_default);
    if (!value) return tl::unexpected(std::move(value.error()));
    if (token->is_null()) value = absent(input.type);
    if (!fits(*value, input.type)) {
      return tl::unexpected(diagnostic_at(
          token->position, "Unexpected value '" + cut_utf8(value->to_string(), kMaxShownValue) +
                               "': the input '" + input.name + "' is a " + input.type));
    }
    inputs.set(input.name, input.type == "string" ? Value(value->to_string()) : *value);
  }
  return Value(std::move(inputs));
}

Evaluated<StringMap> call_outputs(const workflow::Workflow& callee, const expr::Object& contexts) {
  StringMap outputs;
  const auto* trigger = callee.find_trigger("workflow_call");
  const Token* defined = trigger == nullptr ? nullptr : trigger->call.find("outputs");
  if (defined == nullptr) return outputs;
  const expr::Environment environment{.contexts = contexts};
  for (const auto& [name, body] : defined->entries) {
    const Token* token = body.find("value");
    if (token == nullptr) continue;
    auto value = workflow::evaluate_string(*token, environment);
    if (!value) return tl::unexpected(std::move(value.error()));
    outputs.emplace_back(name.text, *std::move(value));
  }
  return outputs;
}

Evaluated<StringMap> pass_secrets(const std::vector<SecretsPassed>& calls, StringMap secrets) {
  for (const SecretsPassed& call : calls) {
    const Token& passed = *call.secrets;
    if (passed.is_string()) continue;  // inherit
    expr::Environment environment{.contexts = call.contexts};
    expr::Object known;
    for (const auto& [name, value] : secrets)
      known.set(name, value);
    environment.contexts.set("secrets", std::move(known));
    StringMap inner;
    for (const auto& [name, token] : passed.entries) {
      auto value = workflow::evaluate_string(token, environment);
      if (!value) return tl::unexpected(std::move(value.error()));
      // An empty value counts as not passed.
      if (!value->empty()) inner.emplace_back(name.text, *std::move(value));
    }
    secrets = std::move(inner);
  }
  return secrets;
}

}  // namespace gantry::core::run
