// SPDX-License-Identifier: MIT
// The steps of a job, one after the other.
#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "daemon/async/offload.hpp"
#include "daemon/runner/checkout.hpp"
#include "daemon/runner/environment.hpp"
#include "daemon/runner/job_background.hpp"

namespace gantry::daemon::runner {
namespace {

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
  for (const auto& use : uses_) {
    if (use && has_pre(*use)) co_await run_step(*use->definition, use.get(), Stage::pre);
  }
  for (std::size_t i = 0; i < uses_.size(); ++i) {
    if (steps_[i].background.boolean) {
      start_side(steps_[i], uses_[i].get());
    } else {
      co_await run_step(steps_[i], uses_[i].get(), Stage::main);
    }
    collect_logs();
  }
  co_await join_rest();
  while (!posts_.empty()) {
    ActionUse* use = posts_.back();
    posts_.pop_back();
    if (has_post(*use)) co_await run_step(*use->definition, use, Stage::post);
  }
}

Evaluator Job::evaluator(const Step& step) const {
  const CompositeScope* scope = step.parent != nullptr ? &step.parent->use->scope : nullptr;
  Evaluator evaluator = contexts_.for_step(*step.state, step.env, step.github, scope);
  if (scope != nullptr) evaluator.file = step.parent->use->action->manifest->file;
  return evaluator;
}

void Job::new_commands(Step& step) {
  const auto is_on = [&](std::string_view name) {
    const core::expr::Value* value = step.env.find(name);
    return value != nullptr && core::equals_ignoring_case(value->to_string(), "true");
  };
  StepCommandsConfig config;
  config.step = step.number;
  config.debug = debug_;
  config.files = &inside_;
  if (step.use != nullptr) config.saved = &step.use->saved;
  if (step.parent != nullptr) config.counts = step.parent->commands->counts();
  if (is_on("ACTIONS_ALLOW_UNSECURE_COMMANDS")) config.unsecure = UnsecureCommands::allowed;
  background_.emplace_back(
      runtime_.executor(), *step.state, *step.log,
      [this](auto body) { link_.report(std::move(body)); }, std::move(config),
      [this] { on_output(); });
  step.background = &background_.back();
  step.commands = &step.background->commands;
}

// Files and contexts of its own.
void Job::name_files(Step& step) {
  const std::string unique = unique_ + '_' + std::to_string(++last_file_);
  step.files = StepFiles::named(unique);
  step.script = unique;
  if (step.parent == nullptr) {
    step.github = contexts_.github_of_step(contexts_.github(), step.definition->id, step.files);
    return;
  }
  const ActionUse& composite = *step.parent->use;
  core::expr::Object github = step.parent->github.object();
  github.set("action_path", composite.action->folder);
  github.set("action_status",
             core::run::to_string(composite.scope.status.value_or(step.state->status)));
  const std::string id = github.find("action")->to_string() + '.' + step.definition->id;
  step.github = contexts_.github_of_step(core::expr::Value(std::move(github)), id, step.files);
}

core::Result<std::string> Job::name_of(const Step& step) const {
  if (!step.definition->name.is_null()) return evaluator(step).text(step.definition->name);
  if (is_control(*step.definition)) return control_name(*step.definition);
  if (step.definition->uses) return "Run " + step.definition->uses->value;
  TRY(const std::string script, evaluator(step).text(step.definition->run));
  return "Run " + first_line(script);
}

core::Result<bool> Job::prepare(Step& step) {
  step.env = step.state->env;
  std::vector<const Step*> around;
  for (const Step* parent = step.parent; parent != nullptr; parent = parent->parent)
    around.push_back(parent);
  for (auto parent = around.rbegin(); parent != around.rend(); ++parent) {
    for (const auto& [name, value] : (*parent)->own_env)
      step.env.set(name, value);
  }
  TRY(step.own_env, evaluator(step).texts(step.definition->env));
  for (const auto& [name, value] : step.own_env)
    step.env.set(name, value);
  if (step.stage == Stage::post) {
    step.name = "Post " + step.use->name;
  } else {
    TRY(step.name, name_of(step));
    if (step.use != nullptr) step.use->name = step.name;
    if (step.stage == Stage::pre) step.name = "Pre " + step.name;
  }
  return condition(step);
}

core::Result<bool> Job::condition(const Step& step) const {
  if (is_control(*step.definition)) return true;
  if (step.stage == Stage::main) return evaluator(step).condition(step.definition->condition);
  const core::workflow::Action& manifest = *step.use->action->manifest;
  Evaluator values = evaluator(step);
  values.file = manifest.file;
  return values.condition(step.stage == Stage::pre ? manifest.pre_if : manifest.post_if);
}

bool Job::goes_on(const Step& step) const {
  const auto holds = condition(step);
  return holds && *holds && (step.parent == nullptr || goes_on(*step.parent));
}

async::Task<> Job::run_step(const core::workflow::Step& definition, ActionUse* use, Stage stage) {
  Step step = new_step();
  step.definition = &definition;
  step.use = use;
  step.stage = stage;
  step.name = definition.id;
  co_await carry_out(step);
  // A pipe that nobody holds has nothing more to tell.
  background_.remove_if(
      [](const Background& one) { return one.is_over && !one.pump.is_running(); });
}

async::Task<Conclusion> Job::carry_out(Step& step) {
  const bool is_outermost = step.parent == nullptr;
  name_files(step);
  core::Result<bool> runs(false);
  const auto prepare_it = [&] { return prepare(step); };
  if (!gave_up_) runs = co_await hashes_.aside(runtime_, prepare_it);
  // What a composite action's own steps say of it does not keep a cancelled one going.
  if (runs && *runs && cancelled_ && !is_outermost) runs = goes_on(step);
  if (runs && !*runs) {
    note_step(step, Conclusion::skipped, Conclusion::skipped);
    if (is_outermost) finish(step, Conclusion::skipped, Conclusion::skipped);
    co_return Conclusion::skipped;
  }
  if (is_outermost) begin(step);
  new_commands(step);
  Conclusion outcome = Conclusion::failure;
  if (runs) {
    set_limit(step);
    outcome = co_await run_action(step);
  } else {
    refuse(step, runs.error().message);
  }
  if (outcome == Conclusion::success && step.commands->failed()) outcome = Conclusion::failure;
  Conclusion conclusion = outcome;
  if (runs && outcome == Conclusion::failure) {
    const auto judge = [&] { return evaluator(step).boolean(step.definition->continue_on_error); };
    const auto tolerated = co_await hashes_.aside(runtime_, judge);
    if (!tolerated) refuse(step, tolerated.error().message);
    if (tolerated && *tolerated) conclusion = Conclusion::success;
  }
  step.commands->end_step();
  step.background->is_over = true;
  note_step(step, outcome, conclusion);
  if (is_outermost) finish(step, outcome, conclusion);
  co_return conclusion;
}

void Job::note_step(const Step& step, Conclusion outcome, Conclusion conclusion) {
  if (step.parent == nullptr) note_status(*step.state, conclusion);
  if (step.definition->has_generated_id() || step.stage != Stage::main) return;
  core::expr::Object entry;
  entry.set("outputs", step.commands != nullptr ? step.commands->outputs() : core::expr::Object());
  entry.set("outcome", core::run::to_string(outcome));
  entry.set("conclusion", core::run::to_string(conclusion));
  core::expr::Object& steps =
      step.parent == nullptr ? step.state->steps : step.parent->use->scope.steps;
  steps.set(step.definition->id, std::move(entry));
}

Conclusion Job::refuse(Step& step, std::string_view message) {
  step.commands->annotate(AnnotationLevel::error, message);
  return Conclusion::failure;
}

async::Task<Conclusion> Job::run_action(Step& step) {
  if (is_control(*step.definition)) co_return co_await run_control(step);
  if (step.use != nullptr) co_return co_await run_use(step);
  note_action(step);
  if (!step.definition->uses) co_return co_await run_script(step);
  co_return co_await run_checkout(step);
}

async::Task<Conclusion> Job::run_script(Step& step) {
  const auto make_request = [&] { return script_request(step); };
  core::Result<StepRequest> request = co_await hashes_.aside(runtime_, make_request);
  if (!request) co_return refuse(step, request.error().message);
  const Conclusion outcome = co_await run_request(step, std::move(*request));
  folder_.remove_temp_file(step.script);
  co_return outcome;
}

// With the files of its commands.
async::Task<Conclusion> Job::run_request(Step& step, StepRequest request) {
  std::string problem;
  try {
    const ServiceUser user = step.use != nullptr ? ServiceUser::action : ServiceUser::script;
    const auto services = co_await service_environment(user);
    set_variables(request.env, services);
    for (const fs::path& file : {step.files.env, step.files.output, step.files.path,
                                 step.files.state, step.files.summary}) {
      folder_.write_temp_file(file, "");
    }
  } catch (const core::Exception& exception) {
    problem = exception.what();  // the job put something in the way
  }
  if (!problem.empty()) co_return refuse(step, problem);
  step.state->matchers.reset();
  const Conclusion outcome = co_await run_process(step, std::move(request));
  step.commands->apply_files(folder_, step.files);
  co_return outcome;
}

}  // namespace gantry::daemon::runner
