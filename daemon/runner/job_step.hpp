// SPDX-License-Identifier: MIT
// A step while it is carried out, and an action while its pre, main and post are. Plain data of
// class Job.
#pragma once

#include "core/workflow/workflow.hpp"
#include "daemon/runner/actions.hpp"
#include "daemon/runner/job_state.hpp"
#include "daemon/runner/step_commands.hpp"
#include "daemon/runner/step_process.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gantry::daemon::runner {

enum class Stage { pre, main, post };

// One `uses` of the job or of a composite action.
struct ActionUse {
  const core::workflow::Step* definition = nullptr;
  ReadyPointer action;       // null: not known yet, as `./path` before its step
  std::string name;          // of the main step, as shown
  core::expr::Object saved;  // by save-state, for the stages to come
  bool wants_post = false;   // pre or main has begun and the action has a post
  // A composite action:
  std::vector<std::unique_ptr<ActionUse>> nested;  // by step; null where it uses none
  std::vector<ActionUse*> posts;                   // of `nested`, in the order they began
  CompositeScope scope;                            // what its steps see, kept for their posts
};

// `wait`, `wait-all` and `cancel`, which run nothing themselves.
bool is_control(const core::workflow::Step& definition);
std::string control_name(const core::workflow::Step& definition);

// Whether there is something to run before the job's steps, and after them.
bool has_pre(const ActionUse& use);
bool has_post(const ActionUse& use);

struct Background;  // what outlives its step: pipe and commands

struct JobStep {
  JobState* state = nullptr;  // the job's, or of a background step its own
  JobLog* log = nullptr;      // the same
  int number = 0;             // of the job's step this is or belongs to
  Stage stage = Stage::main;
  const core::workflow::Step* definition = nullptr;  // null: the runner's own
  ActionUse* use = nullptr;
  JobStep* parent = nullptr;  // the composite action's step
  std::string name;
  core::Timestamp started_at{};
  std::int64_t lines_before = 0;
  core::expr::Object env{core::expr::Keys::case_sensitive};
  core::workflow::StringMap own_env;  // of the step's `env`
  core::expr::Value github;
  StepFiles files;
  std::string script;  // its file, below _temp
  StepCommands* commands = nullptr;
  Background* background = nullptr;
  std::optional<SteadyTime> deadline;
  double timeout_minutes = 0;
  bool asked_to_end = false;   // by `cancel`
  proto::StepChanged changed;  // as last told

  const JobStep& outermost() const { return parent == nullptr ? *this : parent->outermost(); }
  int depth() const { return parent == nullptr ? 0 : parent->depth() + 1; }
};

// Sets what github.action_repository and action_ref say of the step itself.
void note_action(JobStep& step);

}  // namespace gantry::daemon::runner
