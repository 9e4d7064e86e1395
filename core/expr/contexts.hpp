// SPDX-License-Identifier: MIT
// Which contexts and functions GitHub allows at each place of a workflow or an action manifest.
#pragma once

#include "core/expr/parser.hpp"

namespace gantry::core::expr {

enum class Place {
  run_name,  // also workflow-level concurrency and defaults of workflow_call inputs
  workflow_env,
  workflow_call_output,
  job_if,
  job_strategy,
  job,  // name, runs-on, concurrency, environment, container, services, continue-on-error, timeout
  job_secrets,  // secrets and `with` of a called workflow
  job_env,
  job_defaults_run,
  job_outputs,
  job_environment_url,
  container_credentials,
  container_env,
  step,  // name, run, env, with, continue-on-error, timeout-minutes
  step_if,
  action_input_default,
  action_output,
  action_runs_if,    // pre-if, post-if
  action_container,  // args, env of a container action
  composite_step,
  composite_step_if,
};

Scope scope_of(Place place);

}  // namespace gantry::core::expr
