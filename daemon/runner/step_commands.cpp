// SPDX-License-Identifier: MIT
#include "daemon/runner/step_commands.hpp"

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/run/file_commands.hpp"

#include <charconv>
#include <limits>

namespace gantry::daemon::runner {
namespace {

using core::run::Command;
using proto::AnnotationLevel;
using proto::JobAnnotation;

constexpr std::size_t kTitleCharacters = 255;
constexpr std::size_t kPathCharacters = 4096;
constexpr int kSummaries = 20;

// 0: absent or not a number, as GitHub takes it.
int number_property(const Command& command, std::string_view key) {
  const std::string_view text = command.property(key);
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && number > 0 ? number : 0;
}

// Drops lines and columns that contradict each other.
void check_place(JobAnnotation& annotation) {
  const bool has_columns = annotation.column != 0 || annotation.end_column != 0;
  if (annotation.line == 0) {
    annotation.end_line = 0;
    if (has_columns) annotation.column = annotation.end_column = 0;
  }
  if (annotation.end_line != 0 && annotation.end_line < annotation.line) {
    annotation.line = annotation.end_line = annotation.column = annotation.end_column = 0;
  }
  if (annotation.end_line != 0 && annotation.end_line != annotation.line) {
    annotation.column = annotation.end_column = 0;
  }
  if (annotation.end_column != 0 && annotation.end_column < annotation.column) {
    annotation.column = annotation.end_column = 0;
  }
}

// As people count them: at most so many characters of UTF-8.
std::string cut_characters(const std::string& text, std::size_t limit) {
  std::size_t characters = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool starts_one = (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80;
    if (starts_one && ++characters > limit) return text.substr(0, i);
  }
  return text;
}

}  // namespace

std::string_view log_mark(AnnotationLevel level) {
  switch (level) {
    case AnnotationLevel::notice:
      return "##[notice]";
    case AnnotationLevel::warning:
      return "##[warning]";
    case AnnotationLevel::error:
      return "##[error]";
  }
  return "";
}

StepCommands::StepCommands(JobState& state, JobLog& log, Report report, StepCommandsConfig config)
    : state_(state), log_(log), report_(std::move(report)), config_(config) {}

bool StepCommands::on_line(std::string_view line) {
  const auto command = core::run::parse_command(line, switch_.token());
  if (!command) return match_problem(line);
  if (switch_.stopped()) {
    switch_.resumes(*command);
    return false;  // printed either way, the token's line too
  }
  if (ended_) {
    if (!command->is("add-mask")) return false;
    add_mask(*command);
    return true;
  }
  return carry_out(*command, line);
}

bool StepCommands::carry_out(const Command& command, std::string_view line) {
  if (command.is("group") || command.is("endgroup")) {
    log_.say("##[" + core::to_lower(command.name) + "]" + command.data);
    return true;
  }
  if (command.is("error")) {
    annotate_from(AnnotationLevel::error, command);
  } else if (command.is("warning")) {
    annotate_from(AnnotationLevel::warning, command);
  } else if (command.is("notice")) {
    annotate_from(AnnotationLevel::notice, command);
  } else if (command.is("debug")) {
    if (config_.debug == StepDebug::on) log_.say("##[debug]" + command.data);
  } else if (command.is("add-mask")) {
    add_mask(command);
  } else if (command.is("stop-commands")) {
    stop_commands(command, line);
  } else {
    echo(line);
    if (command.is("set-output")) take_output(command);
    if (command.is("save-state")) take_state(command);
    if (command.is("set-env")) set_env(command);
    if (command.is("add-path")) add_path(command);
    if (command.is("echo")) set_echo(command);
    if (command.is("add-matcher")) add_matchers(command);
    if (command.is("remove-matcher")) remove_matchers(command);
  }
  return true;
}

void StepCommands::echo(std::string_view line) {
  if (echo_ || config_.debug == StepDebug::on) log_.say(line);
}

void StepCommands::fail(std::string_view what, std::string_view why) {
  annotate(AnnotationLevel::error, what);
  annotate(AnnotationLevel::error, why);
  failed_ = true;
}

void StepCommands::annotate(AnnotationLevel level, std::string_view message) {
  log_.say(std::string(log_mark(level)) + std::string(message));
  JobAnnotation annotation;
  annotation.level = level;
  annotation.message = message;
  report(std::move(annotation));
}

void StepCommands::annotate_from(AnnotationLevel level, const Command& command) {
  log_.say(std::string(log_mark(level)) + command.data);
  JobAnnotation annotation;
  annotation.level = level;
  annotation.message = command.data;
  annotation.title =
      cut_characters(log_.masker().mask(command.property("title")), kTitleCharacters);
  annotation.file = cut_characters(log_.masker().mask(command.property("file")), kPathCharacters);
  annotation.line = number_property(command, "line");
  annotation.end_line = number_property(command, "endLine");
  annotation.column = number_property(command, "col");
  annotation.end_column = number_property(command, "endColumn");
  check_place(annotation);
  report(std::move(annotation));
}

void StepCommands::report(JobAnnotation annotation) {
  int& count = (*config_.counts)[static_cast<std::size_t>(annotation.level)];
  if (++count > kAnnotationsPerLevel) return;
  annotation.step = config_.step;
  annotation.log_line = log_.lines();
  annotation.message =
      cut_characters(log_.masker().mask(annotation.message), kAnnotationCharacters);
  report_(std::move(annotation));
}

void StepCommands::add_mask(const Command& command) {
  if (command.data.empty()) {
    annotate(AnnotationLevel::warning,
             "Can't add secret mask for empty string in ##[add-mask] command.");
    return;
  }
  log_.add_mask(command.data);
}

void StepCommands::set_output(const std::string& name, std::string value) {
  outputs_.set(name, std::move(value));
}

void StepCommands::take_output(const Command& command) {
  const std::string_view name = command.property("name");
  if (name.empty()) {
    return fail("Unable to process command '##[set-output]' successfully.",
                "Required field 'name' is missing in ##[set-output] command.");
  }
  outputs_.set(std::string(name), command.data);
}

void StepCommands::take_state(const Command& command) {
  const std::string_view name = command.property("name");
  if (name.empty()) {
    return fail("Unable to process command '##[save-state]' successfully.",
                "Required field 'name' is missing in ##[save-state] command.");
  }
  if (config_.saved != nullptr) config_.saved->set(std::string(name), command.data);
}

bool StepCommands::allow_unsecure(const Command& command) {
  if (config_.unsecure == UnsecureCommands::allowed) return true;
  fail("Unable to process command '##[" + command.name + "]' successfully.",
       "The `" + command.name +
           "` command is disabled, because any output could use it; write to $GITHUB_ENV or "
           "$GITHUB_PATH, or set ACTIONS_ALLOW_UNSECURE_COMMANDS to true");
  return false;
}

void StepCommands::set_env(const Command& command) {
  if (!allow_unsecure(command)) return;
  const std::string_view name = command.property("name");
  if (name.empty()) {
    return fail("Unable to process command '##[set-env]' successfully.",
                "Required field 'name' is missing in ##[set-env] command.");
  }
  if (core::run::is_blocked_env(name)) {
    return annotate(AnnotationLevel::error, core::run::blocked_env_message("set-env", name));
  }
  state_.env.set(std::string(name), command.data);
}

void StepCommands::add_path(const Command& command) {
  if (!allow_unsecure(command)) return;
  if (command.data.empty()) {
    return fail("Unable to process command '##[add-path]' successfully.", "path");
  }
  core::run::add_path(state_.added_path, command.data);
}

void StepCommands::stop_commands(const Command& command, std::string_view line) {
  if (config_.unsecure == UnsecureCommands::refused) {
    if (const auto why = core::run::refuse_stop_token(command.data)) {
      return fail("Unable to process command '##[stop-commands]' successfully.", *why);
    }
  }
  log_.say(line);
  switch_.stop(command.data);
  if (command.data.size() > 6) log_.add_mask(command.data);
}

void StepCommands::set_echo(const Command& command) {
  const std::string word = core::to_lower(core::trim(command.data));
  if (word == "on" || word == "off") {
    echo_ = word == "on";
    return;
  }
  fail("Unable to process command '##[echo]' successfully.",
       "Invalid echo command value. Possible values can be: 'on', 'off'. Current value is: '" +
           command.data + "'.");
}

void StepCommands::apply_file(JobFolder& folder, const fs::path& file, std::string_view name,
                              std::uint64_t limit_bytes,
                              const std::function<void(std::string)>& apply) {
  try {
    if (auto content = folder.read_temp_file(file, limit_bytes)) apply(std::move(*content));
  } catch (const core::Exception& exception) {
    // What the job did to its own file fails its step, not the runner.
    fail(core::run::file_command_failure(name), exception.what());
  }
  folder.remove_temp_file(file);
}

void StepCommands::apply_files(JobFolder& folder, const StepFiles& files) {
  apply_file(folder, files.env, "env", kFileCommandLimitBytes,
             [&](const std::string& content) { apply_env(content); });
  apply_file(folder, files.output, "output", kFileCommandLimitBytes,
             [&](const std::string& content) { apply_output(content); });
  apply_file(folder, files.path, "path", kFileCommandLimitBytes, [&](const std::string& content) {
    for (std::string& path : core::run::parse_path_file(content)) {
      core::run::add_path(state_.added_path, std::move(path));
    }
  });
  apply_file(folder, files.state, "state", kFileCommandLimitBytes,
             [&](const std::string& content) { apply_state(content); });
  try {
    if (auto text = folder.read_temp_file(files.summary, core::run::kMaxSummaryBytes)) {
      apply_summary(std::move(*text));
    }
  } catch (const core::Exception& exception) {
    // As on GitHub: the summary is lost, the step is not failed.
    annotate(AnnotationLevel::error,
             std::string("$GITHUB_STEP_SUMMARY upload aborted: ") + exception.what());
  }
  folder.remove_temp_file(files.summary);
}

void StepCommands::apply_env(std::string_view content) {
  const core::run::FilePairs pairs = core::run::parse_file_pairs(content);
  for (const auto& [name, value] : pairs.pairs) {
    if (core::run::is_blocked_env(name)) {
      annotate(AnnotationLevel::error, core::run::blocked_env_message("GITHUB_ENV", name));
    } else {
      state_.env.set(name, value);
    }
  }
  if (pairs.error) fail(core::run::file_command_failure("env"), *pairs.error);
}

void StepCommands::apply_output(std::string_view content) {
  const core::run::FilePairs pairs = core::run::parse_file_pairs(content);
  for (const auto& [name, value] : pairs.pairs)
    outputs_.set(name, value);
  if (pairs.error) fail(core::run::file_command_failure("output"), *pairs.error);
}

void StepCommands::apply_state(std::string_view content) {
  const core::run::FilePairs pairs = core::run::parse_file_pairs(content);
  for (const auto& [name, value] : pairs.pairs) {
    if (config_.saved != nullptr) config_.saved->set(name, value);
  }
  if (pairs.error) fail(core::run::file_command_failure("state"), *pairs.error);
}

void StepCommands::apply_summary(std::string content) {
  if (core::trim(content).empty()) return;
  if (++state_.summaries > kSummaries) {
    return annotate(AnnotationLevel::warning,
                    "The summary is not kept: a job has at most " + std::to_string(kSummaries));
  }
  proto::StepSummary summary;
  summary.step = config_.step;
  summary.text = log_.masker().mask(content);
  report_(std::move(summary));
}

}  // namespace gantry::daemon::runner
