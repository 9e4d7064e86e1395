// SPDX-License-Identifier: MIT
// `uses:` of a step: what it names is found, given its inputs and run, with its pre and post.
#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "daemon/async/offload.hpp"
#include "daemon/runner/checkout.hpp"
#include "daemon/runner/environment.hpp"
#include "daemon/runner/job_background.hpp"
#include "daemon/runner/link_tree.hpp"

#include <algorithm>
#include <utility>

namespace gantry::daemon::runner {
namespace {

using core::Errc;
using core::Exception;
using core::run::Conclusion;
using core::workflow::ActionKind;
using core::workflow::ActionSource;
using core::workflow::StringMap;
using proto::AnnotationLevel;

// More no one writes by hand; composite actions that name each other twice could ask for more.
constexpr std::size_t kMostUses = 10'000;

core::workflow::ActionPolicy policy_of(const proto::JobActions& actions) {
  core::workflow::ActionPolicy policy;
  policy.allow = actions.allow;
  if (actions.pinning == core::config::Pinning::full_sha) {
    policy.pinning = core::workflow::Pinning::full_sha;
  }
  return policy;
}

ActionStoreSettings store_of(const proto::JobMessage& message) {
  ActionStoreSettings settings;
  settings.folder = message.actions.store;
  settings.sources = message.actions.sources;
  settings.refresh = message.actions.refresh;
  settings.git = message.paths.git_binary;
  if (message.confine_git == core::config::Confine::no) {
    settings.confinement = git::Confinement::none;
  }
  // A stranger's workflow must not read with our token what its author could not.
  if (message.trust == proto::Trust::trusted) {
    settings.token = message.repository.token;
    settings.token_source = message.repository.server_url;
  }
  return settings;
}

bool is_remote(const core::workflow::Step& step) {
  if (!step.uses || is_checkout(step.uses->value)) return false;
  const auto reference = core::workflow::parse_action_reference(step.uses->value);
  return !reference || reference->source == ActionSource::remote;
}

std::string listed(const StringMap& values, std::string_view title) {
  std::string text;
  for (const auto& [name, value] : values) {
    if (value.empty()) continue;
    text += "\n  " + name + ": " + core::replace_all(value, "\n", "\n    ");
  }
  return text.empty() ? "" : '\n' + std::string(title) + text;
}

}  // namespace

bool has_pre(const ActionUse& use) {
  if (!use.action || use.action->is_local()) return false;
  const core::workflow::Action& manifest = *use.action->manifest;
  if (manifest.kind == ActionKind::node) return !manifest.pre.empty();
  return std::any_of(use.nested.begin(), use.nested.end(),
                     [](const auto& nested) { return nested && has_pre(*nested); });
}

bool has_post(const ActionUse& use) {
  if (use.action->manifest->kind == ActionKind::node) return !use.action->manifest->post.empty();
  return std::any_of(use.posts.begin(), use.posts.end(),
                     [](const ActionUse* nested) { return has_post(*nested); });
}

async::Task<> Job::fetch_actions() {
  const std::vector<ActionProblem> problems = co_await get_actions(steps_, log_);
  int annotated = 0;
  for (const ActionProblem& problem : problems) {
    log_.say("##[error]" + message_.workflow_file + ':' +
             std::to_string(problem.uses.position.line) + ": " + problem.message);
    if (++annotated > kAnnotationsPerLevel) continue;
    proto::JobAnnotation annotation;
    annotation.level = AnnotationLevel::error;
    annotation.step = 1;
    annotation.file = message_.workflow_file;
    annotation.line = problem.uses.position.line;
    annotation.column = problem.uses.position.column;
    annotation.message = core::cut_utf8(log_.masker().mask(problem.message), kAnnotationCharacters);
    annotation.log_line = log_.lines();
    link_.report(std::move(annotation));
  }
  if (!problems.empty()) {
    throw Exception(Errc::invalid, "preparing the job's actions: " + problems.front().message);
  }
  uses_ = make_uses(steps_);
}

// Asks for all at once, before any of them runs; what is there already is not asked for again.
async::Task<std::vector<ActionProblem>> Job::get_actions(const Steps& steps, JobLog& log) {
  std::vector<ActionProblem> problems;
  if (std::none_of(steps.begin(), steps.end(), is_remote)) co_return problems;
  log.flush();
  PreparedActions prepared;
  const auto work = [&] {
    prepared = prepare_actions(steps, policy_of(message_.actions), ActionStore(store_of(message_)));
    for (const ActionTree& tree : prepared.trees) {
      const fs::path shown = folder_.actions() / tree.relative;
      if (!fs::exists(shown)) link_tree(tree.tree, shown);
    }
    return 0;
  };
  co_await async::offload(runtime_.pool(), work);
  for (const std::string& line : prepared.lines)
    log.say(line);
  for (const std::string& warning : prepared.warnings)
    log.say("##[warning]" + warning);
  ready_.merge(prepared.ready);
  problems = std::move(prepared.problems);
  co_return problems;
}

Job::Uses Job::make_uses(const Steps& steps) {
  Uses uses;
  for (const core::workflow::Step& step : steps) {
    uses.push_back(nullptr);
    if (!step.uses || is_checkout(step.uses->value)) continue;
    if (++uses_made_ > kMostUses) {
      throw Exception(Errc::too_large, "preparing the job's actions: their steps use more than " +
                                           std::to_string(kMostUses) + " actions");
    }
    auto use = std::make_unique<ActionUse>();
    use->definition = &step;
    use->name = "Run " + step.uses->value;
    const auto reference = core::workflow::parse_action_reference(step.uses->value);
    const auto found = reference ? ready_.find(reference->written()) : ready_.end();
    if (found != ready_.end()) {
      use->action = found->second;
      use->nested = make_uses(found->second->manifest->steps);
    }
    uses.back() = std::move(use);
  }
  return uses;
}

ReadyPointer Job::read_local(const core::workflow::ActionReference& reference) const {
  const fs::path path = reference.path.empty() ? "." : reference.path;
  auto ready = std::make_shared<ReadyAction>();
  ready->reference = reference;
  ready->folder = (fs::path(folder_.workspace_inside()) / reference.path).string();
  const core::UniqueFd folder = folder_.open_workspace(path, JobFolder::Create::no);
  if (folder) ready->manifest = read_manifest(folder.get(), reference.path);
  if (ready->manifest) return ready;
  throw Exception(Errc::not_found, no_manifest(ready->folder) +
                                       ". Did you forget to run actions/checkout before running "
                                       "your local action?");
}

// An action of the workspace is known when its step comes, not before. False: the step has failed.
async::Task<bool> Job::find_action(Step& step) {
  const auto reference = core::workflow::parse_action_reference(step.definition->uses->value);
  std::string problem;
  if (!reference) {
    problem = reference.error().message;
  } else if (reference->source == ActionSource::docker) {
    problem = "Running '" + reference->written() +
              "': container actions need images, which Gantry does not have yet; use a JavaScript "
              "or composite action, or a run step";
  } else {
    try {
      step.use->action = read_local(*reference);
    } catch (const Exception& exception) {
      problem = exception.what();
    }
  }
  if (!problem.empty()) {
    refuse(step, problem);
    co_return false;
  }
  const core::workflow::Action& manifest = *step.use->action->manifest;
  const std::vector<ActionProblem> problems = co_await get_actions(manifest.steps, *step.log);
  for (const ActionProblem& one : problems) {
    refuse(step, manifest.file + ':' + std::to_string(one.uses.position.line) + ": " + one.message);
  }
  if (problems.empty()) step.use->nested = make_uses(manifest.steps);
  if (!manifest.pre.empty()) {
    step.commands->annotate(AnnotationLevel::warning,
                            "`pre` execution is not supported for local action from '" +
                                step.definition->uses->value + "'");
  }
  co_return problems.empty();
}

void Job::register_post(Step& step) {
  if (std::exchange(step.use->wants_post, true)) return;
  (step.parent == nullptr ? posts_ : step.parent->use->posts).push_back(step.use);
}

void note_action(JobStep& step) {
  core::expr::Object github = step.github.object();
  const bool is_known = step.use != nullptr && !step.use->action->is_local();
  const core::expr::Value none;
  github.set("action_repository",
             is_known ? core::expr::Value(step.use->action->reference.repository) : none);
  github.set("action_ref", is_known ? core::expr::Value(step.use->action->reference.ref) : none);
  step.github = core::expr::Value(std::move(github));
}

core::Result<ActionInputs> Job::inputs_of(Step& step) {
  const Evaluator values = evaluator(step);
  TRY(const StringMap with, values.texts(step.definition->with));
  Evaluator defaults = values;
  defaults.file = step.use->action->manifest->file;
  return action_inputs(*step.use->action->manifest, with, defaults);
}

async::Task<Conclusion> Job::run_use(Step& step) {
  if (step.depth() > core::workflow::kMaxCompositeDepth) {
    co_return refuse(step, "Composite action depth exceeded max depth " +
                               std::to_string(core::workflow::kMaxCompositeDepth));
  }
  if (!step.use->action && !co_await find_action(step)) co_return Conclusion::failure;
  const core::workflow::Action& manifest = *step.use->action->manifest;
  note_action(step);
  if (manifest.kind == ActionKind::docker) {
    co_return refuse(step, "Running '" + step.definition->uses->value +
                               "': it is a container action (" + manifest.file +
                               "), which needs images; Gantry does not have them yet");
  }
  const auto read_inputs = [&] { return inputs_of(step); };
  core::Result<ActionInputs> inputs = co_await hashes_.aside(runtime_, read_inputs);
  if (!inputs) co_return refuse(step, inputs.error().message);
  register_post(step);
  say_action(step, inputs->values);
  if (step.stage == Stage::main) {
    for (const std::string& warning : inputs->warnings)
      step.commands->annotate(AnnotationLevel::warning, warning);
  }
  if (manifest.kind == ActionKind::node) co_return co_await run_node(step, std::move(*inputs));
  co_return co_await run_composite(step, std::move(*inputs));
}

void Job::say_action(const Step& step, const StringMap& with) {
  StringMap env;
  for (const auto& [name, value] : step.env.entries())
    env.emplace_back(name, value.to_string());
  step.log->say("##[group]" + step.name + listed(with, "with:") + listed(env, "env:") +
                "\n##[endgroup]");
  step.log->flush();
}

async::Task<Conclusion> Job::run_node(Step& step, ActionInputs inputs) {
  const core::workflow::Action& manifest = *step.use->action->manifest;
  const auto find = [&](std::string_view name) { return find_program(name); };
  const auto node = node_program(manifest.runtime.value, message_.actions.node, find);
  if (!node) co_return refuse(step, node.error().message);
  core::expr::Object env = step.env;
  for (const auto& [name, value] : step.use->saved.entries())
    env.set("STATE_" + name, value);
  for (const auto& [name, value] : inputs.values)
    env.set(input_variable(name), value);
  const std::string& file = step.stage == Stage::pre    ? manifest.pre
                            : step.stage == Stage::post ? manifest.post
                                                        : manifest.main;
  StepRequest request;
  request.argv.push_back(*node);
  request.argv.push_back(step.use->action->folder + '/' + file);
  request.cwd = folder_.workspace_inside();
  EnvironmentParts parts{env, step.github, contexts_.runner(), search_path_,
                         step.state->added_path};
  request.env = process_environment(parts);
  co_return co_await run_request(step, std::move(request));
}

async::Task<Conclusion> Job::run_composite(Step& step, ActionInputs inputs) {
  ActionUse& use = *step.use;
  if (step.stage == Stage::main) use.scope.steps = core::expr::Object();
  use.scope.inputs = core::expr::Object();
  for (const auto& [name, value] : inputs.values)
    use.scope.inputs.set(name, value);
  use.scope.status.reset();
  if (step.stage == Stage::main) use.scope.status = Conclusion::success;

  const std::vector<core::workflow::Step>& definitions = use.action->manifest->steps;
  std::vector<std::pair<const core::workflow::Step*, ActionUse*>> steps;
  for (std::size_t i = 0; i < definitions.size(); ++i) {
    ActionUse* nested = use.nested[i].get();
    const bool runs = step.stage == Stage::main || (nested != nullptr && has_pre(*nested));
    if (step.stage != Stage::post && runs) steps.emplace_back(&definitions[i], nested);
  }
  if (step.stage == Stage::post) {
    for (auto post = use.posts.rbegin(); post != use.posts.rend(); ++post) {
      if (has_post(**post)) steps.emplace_back((*post)->definition, *post);
    }
  }
  Conclusion result = Conclusion::success;
  for (const auto& [definition, nested] : steps) {
    Step inner;
    inner.number = step.number;
    inner.stage = step.stage;
    inner.definition = definition;
    inner.use = nested;
    inner.parent = &step;
    inner.state = step.state;
    inner.log = step.log;
    const Conclusion conclusion = co_await carry_out(inner);
    if (conclusion == Conclusion::failure && result == Conclusion::success) result = conclusion;
    if (conclusion == Conclusion::cancelled) result = conclusion;
    if (use.scope.status) use.scope.status = result;
    if (conclusion == Conclusion::cancelled) break;
  }
  if (step.stage == Stage::main) set_composite_outputs(step);
  co_return result;
}

void Job::set_composite_outputs(Step& step) {
  const ActionUse& use = *step.use;
  Evaluator values = contexts_.for_step(*step.state, step.env, step.github, &use.scope);
  values.file = use.action->manifest->file;
  for (const core::workflow::ActionOutput& output : use.action->manifest->outputs) {
    auto value = values.text(output.value);
    if (value) {
      step.commands->set_output(output.name, std::move(*value));
    } else {
      step.commands->fail("Output '" + output.name + "' of the action cannot be set",
                          value.error().message);
    }
  }
}

}  // namespace gantry::daemon::runner
