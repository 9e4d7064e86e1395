// SPDX-License-Identifier: MIT
// Background steps, and the steps that wait for them or cancel them.
#include "daemon/runner/job_side.hpp"

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "daemon/runner/job_background.hpp"

#include <algorithm>

namespace gantry::daemon::runner {
namespace {

using core::run::Conclusion;
using core::workflow::TokenKind;

constexpr int kMostAtOnce = 10;  // GitHub's; others begin when one of these has ended

std::vector<std::string> targets_of(const core::workflow::Step& definition) {
  std::vector<std::string> targets;
  for (const core::workflow::Token& target : definition.wait.items)
    targets.push_back(target.text);
  if (!definition.cancel.is_null()) targets.push_back(definition.cancel.text);
  return targets;
}

bool waits_for_all(const core::workflow::Step& definition) {
  return definition.wait.kind == TokenKind::boolean;
}

}  // namespace

bool is_control(const core::workflow::Step& definition) {
  return !definition.wait.is_null() || !definition.cancel.is_null();
}

std::string control_name(const core::workflow::Step& definition) {
  if (waits_for_all(definition)) return "Wait for all background steps";
  return (definition.cancel.is_null() ? "Wait for " : "Cancel ") +
         core::join(targets_of(definition), ", ");
}

std::vector<core::workflow::Step> in_line(const std::vector<core::workflow::Step>& steps) {
  std::vector<core::workflow::Step> line;
  for (const core::workflow::Step& step : steps) {
    if (step.parallel.empty()) {
      line.push_back(step);
      continue;
    }
    core::workflow::Step wait;
    wait.id = step.id;
    wait.position = step.position;
    wait.name.kind = TokenKind::string;
    wait.name.text = "Wait for parallel steps";
    wait.wait.kind = TokenKind::sequence;
    for (core::workflow::Step inner : step.parallel) {
      inner.background.kind = TokenKind::boolean;
      inner.background.boolean = true;
      core::workflow::Token target;
      target.kind = TokenKind::string;
      target.text = inner.id;
      wait.wait.items.push_back(std::move(target));
      line.push_back(std::move(inner));
    }
    line.push_back(std::move(wait));
  }
  return line;
}

void Job::start_side(const core::workflow::Step& definition, ActionUse* use) {
  Step step = new_step();
  const fs::path file = settings_.folder / ("background-" + std::to_string(step.number) + ".log");
  SideStep& side = side_.emplace_back(state_, file, message_.sandbox.output_bytes, log_.masker());
  side.step = std::move(step);
  side.step.state = &side.state;
  side.step.log = &side.log;
  side.step.definition = &definition;
  side.step.use = use;
  side.step.name = definition.id;
  tasks_.spawn("background step", run_side(side));
}

async::Task<> Job::run_side(SideStep& side) {
  while (running_side_ >= kMostAtOnce && !side.step.asked_to_end)
    co_await side_changed_.wait();
  ++running_side_;
  std::string problem;
  try {
    side.conclusion = co_await carry_out(side.step);
  } catch (const core::Exception& exception) {
    problem = exception.what();
  }
  if (!problem.empty()) say_failure(problem);
  --running_side_;
  side.has_ended = true;
  side_changed_.notify();
}

async::Task<> Job::join(SideStep& side) {
  while (!side.has_ended)
    co_await side_changed_.wait();
}

// Those the workflow did not wait for count too, before anything is cleaned up.
async::Task<> Job::join_rest() {
  for (SideStep& side : side_) {
    if (side.is_joined) continue;
    co_await join(side);
    take_over(side);
    note_status(state_, side.conclusion);
  }
  collect_logs();
}

// What it has set becomes the job's, as if it had run now.
void Job::take_over(SideStep& side) {
  side.is_joined = true;
  if (const auto* entry = side.state.steps.find(side.step.definition->id)) {
    state_.steps.set(side.step.definition->id, *entry);
  }
  if (side.step.asked_to_end) return;
  for (const auto& [name, value] : side.state.env.entries()) {
    const core::expr::Value* old = side.before.env.find(name);
    if (old == nullptr || old->to_string() != value.to_string()) state_.env.set(name, value);
  }
  for (const std::string& folder : side.state.added_path) {
    const auto& old = side.before.added_path;
    if (std::find(old.begin(), old.end(), folder) != old.end()) continue;
    std::erase(state_.added_path, folder);
    state_.added_path.push_back(folder);
  }
  state_.summaries += side.state.summaries - side.before.summaries;
}

async::Task<Conclusion> Job::run_control(Step& step) {
  const core::workflow::Step& definition = *step.definition;
  const std::vector<std::string> targets = targets_of(definition);
  const bool cancels = !definition.cancel.is_null();
  Conclusion conclusion = Conclusion::success;
  for (SideStep& side : side_) {
    const std::string& id = side.step.definition->id;
    const bool is_meant = std::any_of(targets.begin(), targets.end(), [&](const auto& target) {
      return core::equals_ignoring_case(target, id);
    });
    if (side.is_joined || !(is_meant || waits_for_all(definition))) continue;
    if (cancels) {
      side.step.asked_to_end = true;
      processes_.wake();
      side_changed_.notify();
    }
    co_await join(side);
    take_over(side);
    const std::string ended = "Step '" + side.step.name + "' has ended: ";
    step.log->say(ended + std::string(core::run::to_string(side.conclusion)));
    if (!cancels && side.conclusion == Conclusion::failure) {
      conclusion =
          refuse(step, "Step '" + side.step.name + "', which ran in the background, failed.");
    }
  }
  co_return conclusion;
}

// Between two steps: every step's lines stand together.
void Job::collect_logs() {
  for (SideStep& side : side_) {
    if (!side.has_ended) continue;
    side.log.flush();
    const std::int64_t before = log_.lines();
    side.collected = log_.append_file(side.log_file, side.collected);
    if (log_.lines() == before) continue;
    log_.flush();
    proto::StepChanged& changed = side.step.changed;
    if (changed.first_line == 0) changed.first_line = before + 1;
    if (changed.last_line == 0) changed.last_line = log_.lines();
    link_.report(changed);
  }
}

}  // namespace gantry::daemon::runner
