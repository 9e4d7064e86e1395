// SPDX-License-Identifier: MIT
#include "core/base/text.hpp"
#include "core/workflow/converter.hpp"
#include "core/workflow/ids.hpp"

#include <algorithm>

namespace gantry::core::workflow {
namespace {

bool is_local(std::string_view uses) {
  return uses.starts_with("./") || uses.starts_with(".\\");
}

constexpr std::string_view kDocker = "docker://";

class StepConverter {
 public:
  StepConverter(Diagnostics& diagnostics, expr::Place conditions)
      : diagnostics_(diagnostics), conditions_(conditions) {}

  std::vector<Step> run(Token& tokens) {
    std::vector<Step> steps = convert(tokens);
    generate_ids(steps);
    return steps;
  }

 private:
  std::vector<Step> convert(Token& tokens) {
    std::vector<Step> steps;
    steps.reserve(tokens.items.size());
    for (Token& token : tokens.items) {
      if (token.kind == TokenKind::mapping) steps.push_back(convert_step(token));
    }
    return steps;
  }

  void error(const Token& token, std::string message) {
    add_error(diagnostics_, token.position, std::move(message), "step");
  }

  Step convert_step(Token& token) {
    Step step;
    step.position = token.position;
    Token condition;
    for (auto& [key, value] : token.entries) {
      if (Token* field = field_of(step, key.text)) {
        *field = std::move(value);
      } else if (key.text == "if") {
        condition = std::move(value);
      } else if (key.text == "id") {
        take_id(step, value);
      } else if (key.text == "uses" && value.is_string()) {
        step.uses = Located<std::string>{value.text, value.position};
      } else if (key.text == "wait" || key.text == "wait-all" || key.text == "cancel") {
        take_targets(step, key.text, value);
      } else if (key.text == "parallel") {
        step.parallel = convert(value);
      }
    }
    step.condition = convert_condition(condition, conditions_, diagnostics_);
    if (step.uses) check_uses(*step.uses);
    return step;
  }

  static Token* field_of(Step& step, std::string_view key) {
    if (key == "name") return &step.name;
    if (key == "run") return &step.run;
    if (key == "with") return &step.with;
    if (key == "env") return &step.env;
    if (key == "shell") return &step.shell;
    if (key == "working-directory") return &step.working_directory;
    if (key == "timeout-minutes") return &step.timeout_minutes;
    if (key == "continue-on-error") return &step.continue_on_error;
    if (key == "background") return &step.background;
    return nullptr;
  }

  void take_id(Step& step, const Token& value) {
    if (!value.is_string() || value.text.empty()) return;
    step.id = value.text;
    const std::string problem = ids_.add_given(value.text);
    if (problem.empty()) {
      known_.push_back(value.text);
    } else {
      error(value, problem);
    }
  }

  void take_targets(Step& step, std::string_view key, const Token& value) {
    if (key == "wait-all") {
      if (value.kind == TokenKind::boolean && !value.boolean) {
        error(value, "The value of 'wait-all' must be true or omitted");
      }
      step.wait = value;
      step.wait.kind = TokenKind::boolean;
      step.wait.boolean = true;
      return;
    }
    if (key == "cancel") {
      step.cancel = value;
      return check_target(step, value);
    }
    step.wait = value;
    if (value.kind != TokenKind::sequence) {
      step.wait = Token{};
      step.wait.kind = TokenKind::sequence;
      step.wait.position = value.position;
      step.wait.items = {value};
    }
    for (const Token& target : step.wait.items)
      check_target(step, target);
  }

  void check_target(const Step& step, const Token& target) {
    if (!target.is_string()) return;
    if (target.text.starts_with("__")) {
      error(target, "The identifier '" + target.text +
                        "' is invalid. IDs starting with '__' are reserved.");
    } else if (!step.id.empty() && equals_ignoring_case(step.id, target.text)) {
      error(target, "Step '" + step.id + "' cannot reference itself");
    } else if (std::find(known_.begin(), known_.end(), target.text) == known_.end()) {
      add_error(diagnostics_, target.position,
                "Step references unknown step ID '" + target.text + "'", "step",
                "a step can only name one that stands before it");
    }
  }

  void check_uses(const Located<std::string>& uses) {
    if (uses.value.starts_with(kDocker) || is_local(uses.value)) return;
    if (!action_repository(uses.value).empty()) return;
    add_error(diagnostics_, uses.position,
              "Expected format {org}/{repo}[/path]@ref. Actual '" + uses.value + "'", "step");
  }

  static std::string base_of_id(const Step& step) {
    if (!step.run.is_null()) return "run";
    if (step.wait.kind == TokenKind::sequence) return "wait";
    if (step.wait.kind == TokenKind::boolean) return "wait-all";
    if (!step.cancel.is_null()) return "cancel";
    if (!step.uses) return "run";
    const std::string& uses = step.uses->value;
    if (uses.starts_with(kDocker)) return uses.substr(kDocker.size());
    if (is_local(uses)) return "self";
    const std::string repository = action_repository(uses);
    return repository.empty() ? "run" : repository;
  }

  void generate_ids(std::vector<Step>& steps) {
    for (Step& step : steps) {
      if (step.id.empty()) step.id = ids_.generate("__" + base_of_id(step));
      generate_ids(step.parallel);
    }
  }

  Diagnostics& diagnostics_;
  expr::Place conditions_;
  IdBuilder ids_;
  std::vector<std::string> known_;
};

}  // namespace

std::vector<Step> convert_steps(Token steps, Diagnostics& diagnostics, expr::Place conditions) {
  return StepConverter(diagnostics, conditions).run(steps);
}

}  // namespace gantry::core::workflow
