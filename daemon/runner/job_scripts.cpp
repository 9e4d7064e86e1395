// SPDX-License-Identifier: MIT
// `run:` steps: from the workflow's text to a process and its end.
#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "daemon/runner/environment.hpp"
#include "daemon/runner/job_background.hpp"
#include "daemon/runner/shells.hpp"

#include <unistd.h>

#include <algorithm>
#include <cmath>

namespace gantry::daemon::runner {
namespace {

using core::expr::Value;
using core::run::Conclusion;
using std::chrono::steady_clock;

// After a step's process has ended its helpers ("> >(tee log)") get so long to write their last.
constexpr std::chrono::milliseconds kLastWords{100};
constexpr double kLongestTimeoutMinutes = 60.0 * 24 * 365;

std::string indented(std::string_view text) {
  return "  " + core::replace_all(text, "\n", "\n  ");
}

// Which limits were met since `before`, as further sentences of an error.
std::string limits_met(const SandboxUsage& before, const SandboxUsage& now,
                       const proto::JobSandbox& limits) {
  std::string text;
  if (now.oom_kills > before.oom_kills && limits.memory_bytes != 0) {
    text += " The job ran out of memory: its limit is " +
            std::to_string(limits.memory_bytes >> 20) +
            " MiB; let it use less, or raise 'limits.memory' in Gantry's config.";
  } else if (now.oom_kills > before.oom_kills) {
    text +=
        " The machine ran out of memory; set 'limits.memory' or a lower 'limits.jobs' in "
        "Gantry's config.";
  }
  if (now.forks_refused > before.forks_refused) {
    text += " The job's limit of " + std::to_string(limits.pids) +
            " processes and threads was reached; let it start fewer, or raise 'limits.pids' in "
            "Gantry's config.";
  }
  return text;
}

}  // namespace

std::string Job::default_of(std::string_view key) const {
  return defaults_[key].to_string();
}

std::string Job::find_program(std::string_view name) const {
  for (const std::string_view folder : core::split(search_path_, ':')) {
    std::string path = std::string(folder) + '/' + std::string(name);
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return "";
}

core::Result<StepRequest> Job::script_request(Step& step) {
  const Evaluator values = evaluator(step);
  const core::workflow::Step& definition = *step.definition;
  TRY(const std::string script, values.text(definition.run));
  TRY(std::string shell, values.text(definition.shell));
  // An explicit empty folder counts, an empty shell does not. The job's defaults do not reach into
  // actions.
  const bool has_defaults = step.parent == nullptr;
  if (core::trim(shell).empty() && has_defaults) shell = default_of("shell");
  std::string folder = has_defaults ? default_of("working-directory") : "";
  if (!definition.working_directory.is_null()) {
    TRY(folder, values.text(definition.working_directory));
  }
  TRY(const ShellCommand command,
      shell_command(shell, [&](std::string_view name) { return find_program(name); }));
  step.script += command.extension;
  try {
    folder_.write_temp_file(step.script, command.before + script + command.after);
  } catch (const core::Exception& exception) {
    return core::fail(exception.error());  // the job put something in the way
  }
  StepRequest request;
  request.argv = command.argv(folder_.temp_inside() + '/' + step.script);
  request.cwd = (fs::path(folder_.workspace_inside()) / folder).lexically_normal().string();
  request.env = process_environment(
      {step.env, step.github, contexts_.runner(), search_path_, step.state->added_path});
  say_script(step, script, command.shown);
  return request;
}

void Job::say_script(const Step& step, const std::string& script, std::string_view shell) {
  std::string text = "##[group]" + step.name;
  std::string_view body = script;
  while (body.ends_with('\n'))
    body.remove_suffix(1);
  for (const std::string_view line : core::split(body, '\n')) {
    text += "\n\x1b[36;1m" + std::string(line) + "\x1b[0m";
  }
  text += "\nshell: " + std::string(shell);
  if (step.env.size() > 0) text += "\nenv:";
  for (const auto& [name, value] : step.env.entries()) {
    text += '\n' + indented(name + ": " + value.to_string());
  }
  step.log->say(text + "\n##[endgroup]");
  step.log->flush();
}

// A step of a composite action has the time of the whole.
void Job::set_limit(Step& step) {
  if (step.parent != nullptr) {
    step.deadline = step.parent->deadline;
    return;
  }
  const auto timeout = evaluator(step).number(step.definition->timeout_minutes);
  if (!timeout) step.log->say("##[warning]" + timeout.error().message + "; the step has no limit");
  step.timeout_minutes = timeout ? std::min(*timeout, kLongestTimeoutMinutes) : 0;
  if (step.timeout_minutes <= 0) return;
  const std::chrono::duration<double, std::ratio<60>> minutes(step.timeout_minutes);
  step.deadline =
      steady_clock::now() + std::chrono::duration_cast<std::chrono::milliseconds>(minutes);
}

async::Task<Conclusion> Job::run_process(Step& step, StepRequest request) {
  bool asked_for_cancel = cancelled_.has_value();
  const auto judge = [&]() -> StopReason {
    if (step.deadline && steady_clock::now() >= *step.deadline) return StopReason::timed_out;
    if (!over_limit_.empty()) return StopReason::over_limit;
    if (step.outermost().asked_to_end) return StopReason::cancelled;
    if (!cancelled_ || asked_for_cancel) return StopReason::none;
    asked_for_cancel = true;
    return goes_on(step) ? StopReason::none : StopReason::cancelled;
  };
  Background& background = *step.background;
  const SandboxUsage before = processes_.sandbox().usage();
  request.stdout_fd = background.pump.write_fd();
  tasks_.spawn("output of a step", background.pump.run());
  const ProcessEnd end = co_await processes_.run(request, judge, step.deadline);
  background.pump.close_write_end();
  background.pump.drain();
  const SteadyTime patience = steady_clock::now() + kLastWords;
  while (!background.pump.at_end() && !end.sandbox_ended && steady_clock::now() < patience) {
    co_await async::sleep_for(std::chrono::milliseconds(2));
    background.pump.drain();
  }
  co_return conclude(step, end, before);
}

Conclusion Job::conclude(Step& step, const ProcessEnd& end, const SandboxUsage& before) {
  if (end.stopped == StopReason::timed_out) {
    const Step& whole = step.outermost();
    return refuse(step, "The action '" + whole.name + "' has timed out after " +
                            Value(whole.timeout_minutes).to_string() + " minutes.");
  }
  if (end.stopped == StopReason::over_limit) {
    // Of steps that ran beside each other only the first says why.
    const std::string why = std::exchange(over_limit_, "");
    return refuse(step, why.empty() ? "The step was ended with the others." : why);
  }
  if (end.stopped == StopReason::cancelled || gave_up_) {
    return Conclusion::cancelled;  // the log said so when it was asked
  }
  // A sandbox that ended may have met its limit between the steps.
  const std::string met = limits_met(end.sandbox_ended ? SandboxUsage() : before,
                                     processes_.sandbox().usage(), message_.sandbox);
  if (!end.status) {
    const std::string problem = met.empty() ? end.problem : end.problem + '.' + met;
    if (end.sandbox_ended) fail_job(problem);
    return refuse(step, problem);
  }
  if (end.status->success()) {
    if (!met.empty()) step.log->say("##[warning]" + std::string(core::trim(met)));
    return Conclusion::success;
  }
  std::string message;
  // What made a JavaScript action fail it has said itself, as a rule.
  const bool is_silent = step.use != nullptr && step.commands->has_said_error();
  if (end.status->kind == os::ExitStatus::Kind::exited && is_silent) {
    step.log->say("Process completed with exit code " + std::to_string(end.status->value) + ".");
  } else if (end.status->kind == os::ExitStatus::Kind::exited) {
    message = "Process completed with exit code " + std::to_string(end.status->value) + ".";
  } else {
    message = "Process was killed by " + os::to_string(*end.status) + ".";
  }
  message += met;
  return message.empty() ? Conclusion::failure : refuse(step, message);
}

}  // namespace gantry::daemon::runner
