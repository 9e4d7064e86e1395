// SPDX-License-Identifier: MIT
// Problem matchers of a step: ::add-matcher::, ::remove-matcher:: and the lines they find.
#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "daemon/runner/step_commands.hpp"

namespace gantry::daemon::runner {
namespace {

using core::run::Command;
using proto::AnnotationLevel;

constexpr std::uint64_t kMatcherFileLimitBytes = 1 << 20;

core::Result<std::vector<core::run::MatcherConfig>> read_matchers(const InsideFiles* files,
                                                                  const std::string& file) {
  if (files == nullptr) {
    return core::fail(core::Errc::invalid, "problem matchers cannot be used here");
  }
  try {
    return core::run::parse_problem_matchers(files->read(file, kMatcherFileLimitBytes));
  } catch (const core::Exception& exception) {
    return core::fail(exception.error());
  }
}

AnnotationLevel level_of(std::string_view severity) {
  if (severity == "notice") return AnnotationLevel::notice;
  return severity == "warning" ? AnnotationLevel::warning : AnnotationLevel::error;
}

}  // namespace

void StepCommands::add_matchers(const Command& command) {
  constexpr std::string_view kFailure = "Unable to process command '##[add-matcher]' successfully.";
  if (command.data.empty()) return fail(kFailure, "File path must be specified.");
  auto matchers = read_matchers(config_.files, command.data);
  if (!matchers) return fail(kFailure, matchers.error().message);
  for (core::run::MatcherConfig& matcher : *matchers) {
    if (config_.debug == StepDebug::on) {
      log_.say("##[debug]Added matchers: '" + matcher.owner +
               "'. Problem matchers scan action output for known warning or error strings and "
               "report these inline.");
    }
    state_.matchers.add(std::move(matcher));
  }
}

void StepCommands::remove_matchers(const Command& command) {
  constexpr std::string_view kFailure =
      "Unable to process command '##[remove-matcher]' successfully.";
  const std::string_view owner = command.property("owner");
  if (!owner.empty() && !command.data.empty()) {
    return fail(kFailure,
                "Either specify an owner name or a file path. Both values cannot be set.");
  }
  if (!owner.empty()) return state_.matchers.remove(owner);
  if (command.data.empty()) {
    return fail(kFailure, "Either an owner name or a file path must be specified.");
  }
  const auto matchers = read_matchers(config_.files, command.data);
  if (!matchers) return fail(kFailure, matchers.error().message);
  for (const core::run::MatcherConfig& matcher : *matchers)
    state_.matchers.remove(matcher.owner);
}

// True: the line is logged as a problem.
bool StepCommands::match_problem(std::string_view line) {
  if (!wants_all_lines()) return false;
  const core::run::ProblemMatchers::Outcome outcome = state_.matchers.match(line);
  for (const std::string& owner : outcome.given_up) {
    annotate(AnnotationLevel::warning, "Removing issue matcher '" + owner +
                                           "'. Its expression takes too long for a line of "
                                           "output.");
  }
  if (!outcome.problem) return false;
  const core::run::Problem& problem = *outcome.problem;
  proto::JobAnnotation annotation;
  annotation.level = level_of(problem.severity);
  log_.say(std::string(log_mark(annotation.level)) + core::run::without_colours(line));
  annotation.message = problem.message;
  annotation.line = problem.line;
  annotation.column = problem.line != 0 ? problem.column : 0;
  if (config_.files != nullptr) {
    annotation.file = log_.masker().mask(config_.files->in_repository(problem));
  }
  report(std::move(annotation));
  return true;
}

}  // namespace gantry::daemon::runner
