// SPDX-License-Identifier: MIT
#include "core/base/text.hpp"
#include "core/expr/contexts.hpp"
#include "core/expr/interpolate.hpp"
#include "core/workflow/converter.hpp"
#include "core/workflow/ids.hpp"

namespace gantry::core::workflow {
namespace {

Token* field_of(Job& job, std::string_view key) {
  const std::pair<std::string_view, Token*> fields[] = {
      {"name", &job.name},
      {"runs-on", &job.runs_on},
      {"strategy", &job.strategy},
      {"env", &job.env},
      {"defaults", &job.defaults},
      {"outputs", &job.outputs},
      {"timeout-minutes", &job.timeout_minutes},
      {"cancel-timeout-minutes", &job.cancel_timeout_minutes},
      {"continue-on-error", &job.continue_on_error},
      {"concurrency", &job.concurrency},
      {"environment", &job.environment},
      {"container", &job.container},
      {"services", &job.services},
      {"permissions", &job.permissions},
      {"snapshot", &job.snapshot},
      {"with", &job.with},
      {"secrets", &job.secrets},
  };
  for (const auto& [name, field] : fields) {
    if (name == key) return field;
  }
  return nullptr;
}

void take_needs(Job& job, const Token& value) {
  if (value.is_string()) job.needs.push_back({value.text, value.position});
  for (const Token& item : value.items) {
    if (item.is_string()) job.needs.push_back({item.text, item.position});
  }
}

// What GitHub checks of a key before a run, where it holds no expression.
void check_field(std::string_view key, const Token& value, Diagnostics& diagnostics) {
  if (key == "strategy") check_strategy(value, diagnostics);
  if (key == "runs-on") check_runs_on(value, diagnostics);
  if (key == "concurrency") check_concurrency(value, diagnostics);
  if (key == "container") check_container(value, diagnostics);
  if (key == "services") check_services(value, diagnostics);
  if (key == "snapshot") check_snapshot(value, diagnostics);
}

// success(): parsed once, shared by every job and step without an `if`.
const Token& default_condition() {
  static const Token token = [] {
    Token made;
    made.kind = TokenKind::expression;
    auto parsed = expr::parse("success()", expr::scope_of(expr::Place::step_if));
    made.text = parsed->text();
    made.expression = std::make_shared<const expr::Expression>(std::move(*parsed));
    return made;
  }();
  return token;
}

}  // namespace

Token convert_condition(const Token& token, expr::Place place, Diagnostics& diagnostics) {
  if (token.is_null()) return default_condition();
  Token condition;
  condition.kind = TokenKind::expression;
  condition.position = token.position;
  const expr::Scope scope = expr::scope_of(place);
  // The text of an expression may hold ${{ in a string, so it is not read as a scalar again.
  std::string text = token.is_expression() ? "${{ " + token.text + " }}" : token.text;
  auto parsed = expr::parse_condition(text, scope);
  if (!parsed) {
    for (expr::ParseError& problem : parsed.error()) {
      add_error(diagnostics, token.position, std::move(problem.message), "expression");
    }
    return condition;
  }
  condition.text = parsed->text();
  condition.expression = std::make_shared<const expr::Expression>(std::move(*parsed));
  return condition;
}

Job convert_job(const Token& id, Token body, Diagnostics& diagnostics) {
  Job job;
  job.id = id.text;
  job.position = id.position;
  const std::string problem = IdBuilder().add_given(id.text);
  if (!problem.empty() && !id.text.empty()) add_error(diagnostics, id.position, problem, "job");
  job.condition = convert_condition({}, expr::Place::job_if, diagnostics);
  for (auto& [key, value] : body.entries) {
    if (Token* field = field_of(job, key.text)) {
      check_field(key.text, value, diagnostics);
      *field = std::move(value);
    } else if (key.text == "if") {
      job.condition = convert_condition(value, expr::Place::job_if, diagnostics);
    } else if (key.text == "needs") {
      take_needs(job, value);
    } else if (key.text == "steps") {
      job.steps = convert_steps(std::move(value), diagnostics);
    } else if (key.text == "uses" && value.is_string()) {
      job.uses = Located<std::string>{std::move(value.text), value.position};
    }
  }
  return job;
}

}  // namespace gantry::core::workflow
