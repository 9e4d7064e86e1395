// SPDX-License-Identifier: MIT
// Workflows for tests, written as JSON in the shape of the YAML: texts may hold ${{ }}.
#pragma once

#include "core/expr/contexts.hpp"
#include "core/expr/interpolate.hpp"
#include "core/workflow/workflow.hpp"

#include <memory>
#include <stdexcept>
#include <string>

namespace gantry::core::run {

inline workflow::Token token_of(const expr::Value& value, expr::Place place) {
  using workflow::TokenKind;
  workflow::Token token;
  token.position = {1, 1};
  switch (value.kind()) {
    case expr::Kind::null:
      break;
    case expr::Kind::boolean:
      token.kind = TokenKind::boolean;
      token.boolean = value.boolean();
      break;
    case expr::Kind::number:
      token.kind = TokenKind::number;
      token.number = value.number();
      break;
    case expr::Kind::string: {
      auto scalar = expr::parse_scalar(value.string(), expr::scope_of(place));
      if (!scalar) throw std::runtime_error(scalar.error().front().message);
      const bool is_text = scalar->kind == expr::Scalar::Kind::text;
      token.kind = is_text ? TokenKind::string : TokenKind::expression;
      token.text = scalar->text;
      token.expression = std::make_shared<expr::Expression>(scalar->expression);
      break;
    }
    case expr::Kind::array:
      token.kind = TokenKind::sequence;
      for (const auto& item : value.array())
        token.items.push_back(token_of(item, place));
      break;
    case expr::Kind::object:
      token.kind = TokenKind::mapping;
      for (const auto& [key, item] : value.object().entries()) {
        token.entries.push_back({token_of(key, place), token_of(item, place)});
      }
      break;
  }
  return token;
}

inline workflow::Token condition_of(const expr::Value& value) {
  workflow::Token token;
  auto condition = expr::parse_condition(value.to_string(), expr::scope_of(expr::Place::job_if));
  if (!condition) throw std::runtime_error(condition.error().front().message);
  token.kind = workflow::TokenKind::expression;
  token.text = std::string(condition->text());
  token.position = {7, 9};
  token.expression = std::make_shared<expr::Expression>(*std::move(condition));
  return token;
}

inline workflow::Job job_of(const std::string& id, const expr::Value& value) {
  workflow::Job job;
  job.id = id;
  const auto& needs = value["needs"];
  if (needs.kind() == expr::Kind::string) job.needs.push_back({needs.string(), {}});
  if (needs.kind() == expr::Kind::array) {
    for (const auto& need : needs.array())
      job.needs.push_back({need.string(), {}});
  }
  job.condition = condition_of(value["if"]);
  job.strategy = token_of(value["strategy"], expr::Place::job_strategy);
  const auto field = [&](const char* key) { return token_of(value[key], expr::Place::job); };
  job.name = field("name");
  job.runs_on = value["runs-on"].is_null() ? token_of("linux", expr::Place::job) : field("runs-on");
  job.timeout_minutes = field("timeout-minutes");
  job.continue_on_error = field("continue-on-error");
  job.concurrency = field("concurrency");
  return job;
}

inline std::shared_ptr<workflow::Workflow> workflow_of(std::string_view json) {
  const auto value = expr::parse_json(json);
  if (!value) throw std::runtime_error(value.error().message);
  auto workflow = std::make_shared<workflow::Workflow>();
  workflow->file = ".github/workflows/ci.yml";
  workflow->name = "CI";
  workflow->run_name = token_of((*value)["run-name"], expr::Place::run_name);
  workflow->concurrency = token_of((*value)["concurrency"], expr::Place::run_name);
  if ((*value)["jobs"].kind() == expr::Kind::object) {
    for (const auto& [id, job] : (*value)["jobs"].object().entries()) {
      workflow->jobs.push_back(job_of(id, job));
    }
  }
  return workflow;
}

}  // namespace gantry::core::run
