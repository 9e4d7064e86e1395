// SPDX-License-Identifier: MIT
#include "core/base/text.hpp"
#include "core/expr/contexts.hpp"
#include "core/expr/interpolate.hpp"
#include "core/workflow/converter.hpp"
#include "core/workflow/ids.hpp"

#include <algorithm>

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

void check_fields(const Job& job, Diagnostics& diagnostics) {
  check_strategy(job.strategy, diagnostics);
  check_runs_on(job.runs_on, diagnostics);
  check_concurrency(job.concurrency, diagnostics);
  check_container(job.container, diagnostics);
  check_services(job.services, diagnostics);
  check_snapshot(job.snapshot, diagnostics);
}

}  // namespace

Token convert_condition(const Token& token, expr::Place place, Diagnostics& diagnostics) {
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

Job convert_job(const Token& id, const Token& body, Diagnostics& diagnostics) {
  Job job;
  job.id = id.text;
  job.position = id.position;
  const std::string problem = IdBuilder().add_given(id.text);
  if (!problem.empty() && !id.text.empty()) add_error(diagnostics, id.position, problem, "job");
  Token condition;
  const std::size_t before = diagnostics.size();
  for (const auto& [key, value] : body.entries) {
    if (Token* field = field_of(job, key.text)) {
      *field = value;
    } else if (key.text == "if") {
      condition = value;
    } else if (key.text == "needs") {
      take_needs(job, value);
    } else if (key.text == "steps") {
      job.steps = convert_steps(value, diagnostics);
    } else if (key.text == "uses" && value.is_string()) {
      job.uses = Located<std::string>{value.text, value.position};
    }
  }
  job.condition = convert_condition(condition, expr::Place::job_if, diagnostics);
  check_fields(job, diagnostics);
  // GitHub checks key by key, so in the order of the file.
  std::stable_sort(diagnostics.begin() + static_cast<std::ptrdiff_t>(before), diagnostics.end(),
                   [](const auto& a, const auto& b) { return a.position < b.position; });
  return job;
}

}  // namespace gantry::core::workflow
