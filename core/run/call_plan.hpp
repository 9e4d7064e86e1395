// SPDX-License-Identifier: MIT
// Part of the run machine: what goes into a called workflow (inputs, secrets) and comes out of it.
#pragma once

#include "core/workflow/reusable_workflows.hpp"
#include "core/workflow/template_evaluator.hpp"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace gantry::core::run {

using workflow::Evaluated;

// Of a called workflow. `ref` (full; the sha for a sha) and `sha`: what it was read at; empty for a
// file of the run's own commit.
struct CalledText {
  std::string text, ref, sha;
};
// By the name they are loaded by.
using CalledTexts = std::map<std::string, CalledText>;

// The `inputs` context of the called workflow, every input typed. `contexts`: those of the calling
// job's leg; defaults see github, inputs and vars of it alone.
Evaluated<expr::Value> call_inputs(const workflow::Job& job, const workflow::Workflow& callee,
                                   const expr::Object& contexts);

// `on.workflow_call.outputs`; `contexts`: github, inputs, vars, jobs of the called workflow.
Evaluated<workflow::StringMap> call_outputs(const workflow::Workflow& callee,
                                            const expr::Object& contexts);

// What one call does to the secrets of its caller.
struct SecretsPassed {
  const workflow::Token* secrets = nullptr;  // `secrets` of the calling job
  expr::Object contexts;                     // of its leg
};
// The secrets of a job in a called workflow; `calls`: from the outermost in.
Evaluated<workflow::StringMap> pass_secrets(const std::vector<SecretsPassed>& calls,
                                            workflow::StringMap secrets);

}  // namespace gantry::core::run
