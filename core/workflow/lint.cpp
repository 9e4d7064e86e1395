// SPDX-License-Identifier: MIT
#include "core/workflow/lint.hpp"

#include "core/base/text.hpp"
#include "core/workflow/lint_internal.hpp"

#include <algorithm>

namespace gantry::core::workflow {
namespace {

std::size_t indent_of(std::string_view line) {
  const std::size_t at = line.find_first_not_of(' ');
  return at == std::string_view::npos ? line.size() : at;
}

std::size_t offset_of_line(std::string_view source, int line) {
  std::size_t at = 0;
  for (int i = 1; i < line && at != std::string_view::npos; ++i) {
    at = source.find('\n', at);
    if (at != std::string_view::npos) ++at;
  }
  return at;
}

int code_points(std::string_view text) {
  return static_cast<int>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

void lint_calling_job(LintRun& run, const LintScope& scope, const Job& job) {
  lint_token(run, scope, job.with, LintUse::value);
  lint_token(run, scope, job.secrets, LintUse::value);
}

LintScope with_steps(LintScope scope, std::size_t visible) {
  scope.visible_steps = visible;
  return scope;
}

void lint_steps(LintRun& run, const LintScope& scope, const std::vector<Step>& steps) {
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    const LintScope here = with_steps(scope, i);
    lint_token(run, here, step.condition, LintUse::condition);
    lint_token(run, here, step.run, LintUse::script);
    for (const Token* token : {&step.name, &step.env, &step.working_directory,
                               &step.timeout_minutes, &step.continue_on_error}) {
      lint_token(run, here, *token, LintUse::value);
    }
    lint_step(run, here, step);
    if (!step.parallel.empty()) lint_steps(run, here, step.parallel);
  }
}

void lint_job(LintRun& run, const Workflow& workflow, const Job& job) {
  const LintScope scope{.workflow = &workflow, .job = &job, .steps = &job.steps};
  lint_token(run, scope, job.condition, LintUse::condition);
  for (const Token* token :
       {&job.name, &job.runs_on, &job.strategy, &job.env, &job.defaults, &job.timeout_minutes,
        &job.continue_on_error, &job.concurrency, &job.container, &job.services}) {
    lint_token(run, scope, *token, LintUse::value);
  }
  if (job.uses) return lint_calling_job(run, scope, job);
  lint_steps(run, scope, job.steps);
  const LintScope at_end = with_steps(scope, job.steps.size());
  lint_token(run, at_end, job.outputs, LintUse::value);
  lint_token(run, at_end, job.environment, LintUse::value);
}

std::vector<yaml::Diagnostic> finish(LintRun run) {
  tidy(run.found);
  return std::move(run.found);
}

}  // namespace

void LintRun::warn(yaml::Position position, std::string message, std::string kind,
                   std::string hint) {
  found.push_back(
      {position, yaml::Severity::warning, std::move(message), std::move(hint), std::move(kind)});
}

yaml::Position LintRun::find(yaml::Position token, std::string_view text) const {
  std::size_t begin = token.line > 0 ? offset_of_line(source, token.line) : std::string_view::npos;
  if (begin == std::string_view::npos || text.empty()) return token;
  const std::size_t indent = indent_of(source.substr(begin));
  // Columns before the value itself belong to its key.
  std::size_t from = static_cast<std::size_t>(std::max(0, token.column - 1));
  for (int line = token.line; begin < source.size(); ++line) {
    const std::size_t end = std::min(source.find('\n', begin), source.size());
    const std::string_view content = source.substr(begin, end - begin);
    const bool is_blank = content.find_first_not_of(" \r") == std::string_view::npos;
    if (line > token.line && !is_blank && indent_of(content) <= indent) break;
    const std::size_t at = content.find(text, std::min(from, content.size()));
    if (at != std::string_view::npos) return {line, code_points(content.substr(0, at)) + 1};
    from = 0;
    begin = end + 1;
  }
  return token;
}

std::string suggest(std::string_view word, const std::vector<std::string>& candidates) {
  constexpr std::size_t kMostListed = 12;
  if (const std::string near = closest_match(word, candidates); !near.empty()) {
    return "did you mean '" + near + "'?";
  }
  if (candidates.empty() || candidates.size() > kMostListed) return "";
  return "expected one of " + join(candidates, ", ");
}

std::vector<yaml::Diagnostic> lint(const Workflow& workflow, std::string_view source,
                                   const LintFiles& files) {
  LintRun run{source, files};
  lint_triggers(run, workflow);
  const LintScope scope{.workflow = &workflow};
  for (const Token* token : {&workflow.run_name, &workflow.env, &workflow.concurrency}) {
    lint_token(run, scope, *token, LintUse::value);
  }
  for (const EventTrigger& trigger : workflow.on)
    lint_token(run, scope, trigger.call, LintUse::value);
  for (const Job& job : workflow.jobs)
    lint_job(run, workflow, job);
  return finish(std::move(run));
}

std::vector<yaml::Diagnostic> lint(const Action& action, std::string_view source,
                                   const LintFiles& files) {
  LintRun run{source, files};
  LintScope scope{.action = &action, .steps = &action.steps};
  lint_steps(run, scope, action.steps);
  scope.visible_steps = action.steps.size();
  for (const ActionOutput& output : action.outputs)
    lint_token(run, scope, output.value, LintUse::value);
  lint_token(run, scope, action.args, LintUse::value);
  lint_token(run, scope, action.env, LintUse::value);
  return finish(std::move(run));
}

}  // namespace gantry::core::workflow
