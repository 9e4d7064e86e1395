// SPDX-License-Identifier: MIT
// What a step asks for beside its expressions: shell, withdrawn commands, inputs of its action.
#include "core/base/text.hpp"
#include "core/workflow/action_reference.hpp"
#include "core/workflow/lint_internal.hpp"

#include <algorithm>

namespace gantry::core::workflow {
namespace {

void lint_shell(LintRun& run, const Step& step) {
  if (!step.shell.is_string() || step.shell.text.empty()) return;
  static const std::vector<std::string> known = {"bash", "sh",         "python",
                                                 "pwsh", "powershell", "cmd"};
  const std::string& shell = step.shell.text;
  if (std::find(known.begin(), known.end(), shell) != known.end()) return;
  if (shell.find("{0}") != std::string::npos) return;
  run.warn(step.shell.position, "Unknown shell '" + shell + "'", "shell",
           suggest(shell, known) + (shell.find(' ') == std::string::npos
                                        ? ""
                                        : "; a command of one's own needs {0} for the script"));
}

void lint_commands(LintRun& run, const Step& step) {
  // A script with expressions is text of a format() call; the raw text is searched all the same.
  for (const auto& [command, file] :
       {std::pair{"::set-env ", "$GITHUB_ENV"}, std::pair{"::add-path::", "$GITHUB_PATH"}}) {
    if (step.run.text.find(command) == std::string::npos) continue;
    run.warn(run.find(step.run.position, command),
             "The command '" + std::string(trim(command)) + "' fails the step: it was withdrawn",
             "withdrawn-command", "append to " + std::string(file) + " instead");
  }
}

void lint_missing_inputs(LintRun& run, const Step& step, const Action& action) {
  for (const ActionInput& input : action.inputs) {
    if (!input.required || !input.default_value.is_null()) continue;
    if (step.with.find(input.name) != nullptr || step.with.is_expression()) continue;
    run.warn(step.uses->position,
             "The action '" + step.uses->value + "' requires the input '" + input.name + "'",
             "action-input");
  }
}

void lint_inputs(LintRun& run, const Step& step, const Action& action) {
  std::vector<std::string> names;
  for (const ActionInput& input : action.inputs)
    names.push_back(input.name);
  for (const auto& entry : step.with.entries) {
    const Token& key = entry.key;
    if (!key.is_string() || action.find_input(key.text) != nullptr) continue;
    const bool for_container =
        action.kind == ActionKind::docker && (key.text == "entrypoint" || key.text == "args");
    if (for_container) continue;
    run.warn(key.position, "The action '" + step.uses->value + "' has no input '" + key.text + "'",
             "action-input", suggest(key.text, names));
  }
  lint_missing_inputs(run, step, action);
}

void lint_action(LintRun& run, const LintScope& scope, const Step& step) {
  const std::string& uses = step.uses->value;
  if (const auto reference = parse_action_reference(uses); !reference) {
    return run.warn(step.uses->position, reference.error().message, "action");
  }
  const bool is_script = uses.starts_with("actions/github-script@");
  for (const auto& [key, value] : step.with.entries) {
    const bool runs = is_script && key.text == "script";
    lint_token(run, scope, value, runs ? LintUse::script : LintUse::value);
  }
  const auto action = run.files.action ? run.files.action(uses) : nullptr;
  if (action) lint_inputs(run, step, *action);
}

}  // namespace

void lint_step(LintRun& run, const LintScope& scope, const Step& step) {
  lint_shell(run, step);
  if (step.uses) {
    lint_action(run, scope, step);
  } else {
    lint_commands(run, step);
  }
}

}  // namespace gantry::core::workflow
