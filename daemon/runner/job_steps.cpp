// SPDX-License-Identifier: MIT
// The steps of a job, one after the other.
#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "daemon/async/offload.hpp"
#include "daemon/runner/checkout.hpp"
#include "daemon/runner/job_background.hpp"

namespace gantry::daemon::runner {
namespace {

using core::expr::Kind;
using core::run::Conclusion;
using proto::AnnotationLevel;

// The first line that has something on it.
std::string first_line(std::string_view script) {
  for (const std::string_view line : core::split(script, '\n')) {
    if (const std::string_view text = core::trim(line); !text.empty()) return std::string(text);
  }
  return "";
}

}  // namespace

async::Task<> Job::run_steps() {
  int number = 1;
  for (const core::workflow::Step& definition : definition_->steps) {
    co_await run_step(definition, ++number);
  }
}

Evaluator Job::evaluator(const Step& step) const {
  return contexts_.for_step(state_, step.env, step.github);
}

StepCommands& Job::new_commands(Step& step) {
  const auto is_on = [&](std::string_view name) {
    const core::expr::Value* value = step.env.find(name);
    return value != nullptr && core::equals_ignoring_case(value->to_string(), "true");
  };
  StepCommandsConfig config;
  config.step = step.number;
  config.debug = debug_;
  if (is_on("ACTIONS_ALLOW_UNSECURE_COMMANDS")) config.unsecure = UnsecureCommands::allowed;
  background_.emplace_back(
      runtime_.executor(), state_, log_, [this](auto body) { link_.report(std::move(body)); },
      config, [this] { on_output(); });
  return background_.back().commands;
}

core::Result<std::string> Job::name_of(const Step& step) const {
  if (!step.definition->name.is_null()) return evaluator(step).text(step.definition->name);
  if (step.definition->uses) return "Run " + step.definition->uses->value;
  TRY(const std::string script, evaluator(step).text(step.definition->run));
  return "Run " + first_line(script);
}

core::Result<bool> Job::prepare(Step& step) {
  step.env = state_.env;
  TRY(const auto pairs, evaluator(step).texts(step.definition->env));
  for (const auto& [name, value] : pairs)
    step.env.set(name, value);
  TRY(step.name, name_of(step));
  return evaluator(step).condition(step.definition->condition);
}

async::Task<> Job::run_step(const core::workflow::Step& definition, int number) {
  Step step;
  step.number = number;
  step.definition = &definition;
  step.name = definition.id;
  step.started_at = clock_.now();
  step.lines_before = log_.lines();
  step.files = StepFiles::numbered(number, unique_);
  step.github = contexts_.github_of_step(definition.id, step.files);
  core::Result<bool> runs(false);
  const auto prepare_it = [&] { return prepare(step); };
  if (!gave_up_) runs = co_await hashes_.aside(runtime_.pool(), prepare_it);
  if (runs && !*runs) {
    note_step(step, Conclusion::skipped, Conclusion::skipped);
    finish(step, Conclusion::skipped, Conclusion::skipped);
    co_return;
  }
  begin(step);
  step.commands = &new_commands(step);
  Conclusion outcome = Conclusion::failure;
  if (runs) {
    outcome = co_await run_action(step);
  } else {
    refuse(step, runs.error().message);
  }
  if (outcome == Conclusion::success && step.commands->failed()) outcome = Conclusion::failure;
  Conclusion conclusion = outcome;
  if (runs && outcome == Conclusion::failure) {
    const auto judge = [&] { return evaluator(step).boolean(definition.continue_on_error); };
    const auto tolerated = co_await hashes_.aside(runtime_.pool(), judge);
    if (!tolerated) refuse(step, tolerated.error().message);
    if (tolerated && *tolerated) conclusion = Conclusion::success;
  }
  step.commands->end_step();
  note_step(step, outcome, conclusion);
  finish(step, outcome, conclusion);
  // A pipe that nobody holds has nothing more to tell.
  background_.remove_if([](const Background& one) { return !one.pump.is_running(); });
}

void Job::note_step(const Step& step, Conclusion outcome, Conclusion conclusion) {
  note_status(conclusion);
  if (step.definition->has_generated_id()) return;
  core::expr::Object entry;
  entry.set("outputs", step.commands != nullptr ? step.commands->outputs() : core::expr::Object());
  entry.set("outcome", core::run::to_string(outcome));
  entry.set("conclusion", core::run::to_string(conclusion));
  state_.steps.set(step.definition->id, std::move(entry));
}

Conclusion Job::refuse(Step& step, std::string_view message) {
  step.commands->annotate(AnnotationLevel::error, message);
  return Conclusion::failure;
}

async::Task<Conclusion> Job::run_action(Step& step) {
  if (!step.definition->uses) co_return co_await run_script(step);
  if (is_checkout(step.definition->uses->value)) co_return co_await run_checkout(step);
  co_return refuse(step, "Running '" + step.definition->uses->value +
                             "': only actions/checkout is carried out so far; use 'run' steps");
}

async::Task<Conclusion> Job::run_checkout(Step& step) {
  const auto read_with = [&] { return evaluator(step).texts(step.definition->with); };
  const auto with = co_await hashes_.aside(runtime_.pool(), read_with);
  if (!with) co_return refuse(step, with.error().message);
  core::Result<CheckoutRequest> request = read_checkout(*with, message_);
  if (!request) co_return refuse(step, request.error().message);
  std::string shown = "##[group]" + step.name;
  if (!with->empty()) shown += "\nwith:";
  for (const auto& [name, value] : *with)
    shown += "\n  " + name + ": " + value;
  log_.say(shown + "\n##[endgroup]");
  for (const std::string& warning : request->warnings) {
    step.commands->annotate(AnnotationLevel::warning, warning);
  }
  log_.masker().add_secret(request->plan.token);
  for (const std::string& secret : git::derived_secrets(request->plan.token)) {
    log_.masker().add_secret(secret);
  }
  log_.flush();
  std::string problem;
  const auto work = [&] { return carry_out_checkout(request->plan, message_, folder_); };
  try {
    const std::vector<std::string> lines = co_await async::offload(runtime_.pool(), work);
    for (const std::string& line : lines)
      log_.say(line);
  } catch (const core::Exception& exception) {
    problem = exception.what();
  }
  if (problem.empty()) co_return Conclusion::success;
  co_return refuse(step, problem);
}

async::Task<Conclusion> Job::run_script(Step& step) {
  const auto make_request = [&] { return script_request(step); };
  core::Result<StepRequest> request = co_await hashes_.aside(runtime_.pool(), make_request);
  if (!request) co_return refuse(step, request.error().message);
  std::string problem;
  Conclusion outcome = Conclusion::failure;
  try {
    for (const fs::path& file : {step.files.env, step.files.output, step.files.path,
                                 step.files.state, step.files.summary}) {
      folder_.write_temp_file(file, "");
    }
  } catch (const core::Exception& exception) {
    problem = exception.what();  // the job put something in the way
  }
  if (!problem.empty()) co_return refuse(step, problem);
  outcome = co_await run_process(step, std::move(*request));
  step.commands->apply_files(folder_, step.files);
  folder_.remove_temp_file(script_name(step));
  co_return outcome;
}

}  // namespace gantry::daemon::runner
