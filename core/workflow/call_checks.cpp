// SPDX-License-Identifier: MIT
#include "core/workflow/call_checks.hpp"

#include "core/expr/number.hpp"

namespace gantry::core::workflow {
namespace {

std::string shown(const Token& token) {
  if (token.kind == TokenKind::boolean) return token.boolean ? "true" : "false";
  if (token.kind == TokenKind::number) return expr::format_number(token.number);
  return token.text;
}

// Values are checked, not converted: 'true' is no boolean.
void check_type(const Token& value, std::string_view type, Diagnostics& diagnostics) {
  if (value.is_expression()) return;
  const bool fits = (type == "boolean" && value.kind == TokenKind::boolean) ||
                    (type == "number" && value.kind == TokenKind::number) || type == "string";
  if (fits) return;
  add_error(diagnostics, value.position, "Unexpected value '" + shown(value) + "'", "call",
            "the input is a " + std::string(type));
}

void check_undefined(const Token& given, const Token* defined, std::string_view what,
                     Diagnostics& diagnostics) {
  for (const auto& [name, value] : given.entries) {
    if (!name.is_string() || (defined != nullptr && defined->find(name.text) != nullptr)) continue;
    add_error(diagnostics, value.position,
              "Invalid " + std::string(what) + ", " + name.text +
                  " is not defined in the referenced workflow.",
              "call");
  }
}

bool is_required(const Token& definition) {
  const Token* required = definition.find("required");
  return required != nullptr && required->boolean;
}

void check_inputs(const Job& job, const Token* defined, CallDiagnostics& diagnostics) {
  const Token none;
  for (const auto& [name, definition] : (defined != nullptr ? *defined : none).entries) {
    const Token* type = definition.find("type");
    const std::string_view wanted = type != nullptr ? std::string_view(type->text) : "string";
    if (const Token* value = definition.find("default")) {
      check_type(*value, wanted, diagnostics.callee);
    }
    if (const Token* value = job.with.find(name.text)) {
      check_type(*value, wanted, diagnostics.caller);
    } else if (is_required(definition)) {
      add_error(diagnostics.caller, job.uses->position,
                "Input " + name.text + " is required, but not provided while calling.", "call");
    }
  }
  check_undefined(job.with, defined, "input", diagnostics.caller);
}

void check_secrets(const Job& job, const Token* defined, Diagnostics& diagnostics) {
  if (job.secrets.is_string()) return;  // inherit
  const Token none;
  for (const auto& [name, definition] : (defined != nullptr ? *defined : none).entries) {
    if (job.secrets.find(name.text) != nullptr || !is_required(definition)) continue;
    add_error(diagnostics, job.uses->position,
              "Secret " + name.text + " is required, but not provided while calling.", "call");
  }
  check_undefined(job.secrets, defined, "secret", diagnostics);
}

}  // namespace

void check_call(const Job& job, const Workflow& callee, CallDiagnostics& diagnostics) {
  const EventTrigger* trigger = callee.find_trigger("workflow_call");
  if (trigger == nullptr) {
    return add_error(diagnostics.callee, callee.on_position,
                     "workflow_call key is not defined in the referenced workflow.", "call");
  }
  check_inputs(job, trigger->call.find("inputs"), diagnostics);
  check_secrets(job, trigger->call.find("secrets"), diagnostics.caller);
}

}  // namespace gantry::core::workflow
