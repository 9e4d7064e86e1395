// SPDX-License-Identifier: MIT
#include "core/workflow/action.hpp"

#include "core/base/text.hpp"
#include "core/workflow/converter.hpp"
#include "core/workflow/reader.hpp"

namespace gantry::core::workflow {
namespace {

constexpr std::string_view kKinds = "'composite', 'docker', 'node12', 'node16', 'node20', 'node24'";

bool is_node(std::string_view runtime) {
  constexpr std::string_view kRuntimes[] = {"node12", "node16", "node20", "node24"};
  for (const std::string_view one : kRuntimes) {
    if (equals_ignoring_case(one, runtime)) return true;
  }
  return false;
}

class ActionConverter {
 public:
  ActionConverter(std::string_view file, Diagnostics& diagnostics) : diagnostics_(diagnostics) {
    action_.file = file;
  }

  Action run(Token root) {
    bool has_runs = false;
    for (auto& [key, value] : root.entries) {
      if (key.text == "name") action_.name = value.text;
      if (key.text == "inputs") take_inputs(value);
      if (key.text == "outputs") take_outputs(value);
      if (key.text == "runs") {
        has_runs = true;
        take_runs(value);
      }
    }
    if (!has_runs) {
      error(root.position, "Top level 'runs:' section is required for " + action_.file);
    }
    return std::move(action_);
  }

 private:
  void error(yaml::Position position, std::string message, std::string hint = "") {
    add_error(diagnostics_, position, std::move(message), "action", std::move(hint));
  }

  void take_inputs(const Token& inputs) {
    for (const auto& [key, value] : inputs.entries) {
      ActionInput input;
      input.name = key.text;
      input.position = key.position;
      if (const Token* found = value.find("default")) input.default_value = *found;
      if (const Token* found = value.find("deprecationMessage")) input.deprecation = found->text;
      // People write it as a boolean and as text.
      if (const Token* found = value.find("required")) {
        input.required = found->boolean || equals_ignoring_case(found->text, "true");
      }
      action_.inputs.push_back(std::move(input));
    }
  }

  void take_outputs(Token& outputs) {
    for (auto& [key, value] : outputs.entries) {
      ActionOutput output;
      output.name = key.text;
      output.position = key.position;
      if (const Token* found = value.find("value")) output.value = *found;
      action_.outputs.push_back(std::move(output));
    }
  }

  void take_runs(Token& runs) {
    const Token* runtime = runs.find("using");
    if (runs.find("plugin") != nullptr) {
      return error(runs.position, "Plugin actions are not supported by Gantry",
                   "they are part of GitHub's own runner");
    }
    if (runtime == nullptr) {
      return error(runs.position,
                   "Missing 'using' value. 'using' requires one of " + std::string(kKinds));
    }
    action_.runtime = {to_lower(runtime->text), runtime->position};
    action_.pre_if = condition_of(runs.find("pre-if"));
    action_.post_if = condition_of(runs.find("post-if"));
    if (action_.runtime.value == "composite") return take_composite(runs);
    if (action_.runtime.value == "docker") return take_docker(runs);
    if (is_node(action_.runtime.value)) return take_node(runs);
    error(runtime->position,
          "'using: " + runtime->text + "' is not supported, use one of " + std::string(kKinds));
  }

  // A plain condition: nothing is put before it, as is done for an `if`.
  Token condition_of(const Token* token) {
    const expr::Scope scope = expr::scope_of(expr::Place::action_runs_if);
    Token condition;
    condition.kind = TokenKind::expression;
    if (token != nullptr) condition.position = token->position;
    auto parsed = expr::parse(token != nullptr ? token->text : "always()", scope);
    if (!parsed) {
      add_error(diagnostics_, condition.position, parsed.error().message, "expression");
      return condition;
    }
    condition.text = parsed->text();
    condition.expression = std::make_shared<const expr::Expression>(std::move(*parsed));
    return condition;
  }

  static std::string text_of(const Token& runs, std::string_view key) {
    const Token* found = runs.find(key);
    return found != nullptr ? found->text : "";
  }

  void take_node(const Token& runs) {
    action_.kind = ActionKind::node;
    action_.main = text_of(runs, "main");
    action_.pre = text_of(runs, "pre");
    action_.post = text_of(runs, "post");
    if (!action_.main.empty()) return;
    error(runs.position,
          "You are using a JavaScript Action but there is not an entry JavaScript file provided "
          "in " +
              action_.file,
          "add 'main'");
  }

  void take_composite(Token& runs) {
    action_.kind = ActionKind::composite;
    for (auto& [key, value] : runs.entries) {
      if (key.text != "steps") continue;
      action_.steps = convert_steps(std::move(value), diagnostics_, expr::Place::composite_step_if);
      return;
    }
    error(runs.position,
          "You are using a composite action but there are no steps provided in " + action_.file,
          "add 'steps'");
  }

  void take_docker(const Token& runs) {
    action_.kind = ActionKind::docker;
    action_.image = text_of(runs, "image");
    action_.main = text_of(runs, "entrypoint");
    action_.pre = text_of(runs, "pre-entrypoint");
    action_.post = text_of(runs, "post-entrypoint");
    if (const Token* found = runs.find("args")) action_.args = *found;
    if (const Token* found = runs.find("env")) action_.env = *found;
    if (!action_.image.empty()) return;
    error(runs.position,
          "You are using a Container Action but an image is not provided in " + action_.file,
          "add 'image'");
  }

  Diagnostics& diagnostics_;
  Action action_;
};

}  // namespace

const ActionInput* Action::find_input(std::string_view input_name) const {
  for (const ActionInput& input : inputs) {
    if (equals_ignoring_case(input.name, input_name)) return &input;
  }
  return nullptr;
}

ParsedAction parse_action(std::string_view file, std::string_view text, ManifestRules rules) {
  ParsedAction parsed;
  Diagnostics& diagnostics = parsed.diagnostics;
  yaml::Document document = yaml::parse(text);
  diagnostics = std::move(document.diagnostics);
  tidy(diagnostics);
  if (!document.root) return parsed;
  const bool strict = rules == ManifestRules::publishing;
  ReadResult read =
      read_tokens(*document.root, Schema::action(), strict ? "action-strict" : "action");
  append_stage(diagnostics, std::move(read.diagnostics));
  if (read.bytes > kMaxResultBytes) {
    add_error(diagnostics, {}, "Maximum object size exceeded", "limit",
              "10 MiB as GitHub counts; aliases count each time");
    return parsed;
  }
  // What was said of `runs` as a whole is not said twice.
  Diagnostics converted;
  auto action =
      std::make_shared<Action>(ActionConverter(file, converted).run(std::move(read.token)));
  append_stage(diagnostics, std::move(converted));
  tidy(diagnostics);
  if (!yaml::has_errors(diagnostics)) parsed.action = std::move(action);
  return parsed;
}

}  // namespace gantry::core::workflow
