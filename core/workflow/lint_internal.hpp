// SPDX-License-Identifier: MIT
// Parts of lint.cpp: what is known at one place of a file, and the checks of one expression.
#pragma once

#include "core/expr/ast.hpp"
#include "core/workflow/converter.hpp"
#include "core/workflow/lint.hpp"

#include <optional>
#include <string>
#include <vector>

namespace gantry::core::workflow {

// One file under examination; what is found is told to it.
struct LintRun {
  std::string_view source;
  const LintFiles& files;
  Diagnostics found = {};

  void warn(yaml::Position position, std::string message, std::string kind, std::string hint = "");
  // Where `text` stands in the value that starts at `token`; there, when it is not found.
  yaml::Position find(yaml::Position token, std::string_view text) const;
};

// What an expression can see from where it stands.
struct LintScope {
  const Workflow* workflow = nullptr;
  const Action* action = nullptr;
  const Job* job = nullptr;
  const std::vector<Step>* steps = nullptr;
  std::size_t visible_steps = 0;  // of `steps`, those that have run by then
};

enum class LintUse { value, condition, script };

// Every expression of the tree.
void lint_token(LintRun& run, const LintScope& scope, const Token& token, LintUse use);

// The constant names an index chain starts with: github.event.x[0].y gives github, event, x.
// A wildcard or number is "*"; ends at the first part that is computed.
std::vector<std::string> constant_path(const expr::Node& node);
// The whole chain is constant.
bool is_constant_path(const expr::Node& node);

void lint_reference(LintRun& run, const LintScope& scope, yaml::Position token,
                    const expr::Node& node);
void lint_comparison(LintRun& run, const LintScope& scope, yaml::Position token,
                     const expr::Node& node);
// The text strangers choose that `node` may turn into, or nothing.
std::optional<std::string> find_untrusted(const expr::Node& node);

void lint_triggers(LintRun& run, const Workflow& workflow);
// `shell`, commands that no longer work, what the step's action takes.
void lint_step(LintRun& run, const LintScope& scope, const Step& step);

// "did you mean 'x'?", or "expected one of x, y"; "" without candidates.
std::string suggest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace gantry::core::workflow
