// SPDX-License-Identifier: MIT
// workflow_dispatch: checks what the caller gave against the workflow's inputs and makes the event.
#pragma once

#include "core/base/result.hpp"
#include "core/workflow/event.hpp"
#include "core/workflow/workflow.hpp"

namespace gantry::core::workflow {

struct DispatchInputs {
  expr::Value typed;    // the `inputs` context: booleans and numbers as such
  expr::Value strings;  // github.event.inputs: everything as text
};

// `given`: an object, or null for none. Refusals use GitHub's texts and name every input at fault.
Result<DispatchInputs> check_inputs(const EventTrigger& trigger, const expr::Value& given);

// `ref` may be short; a branch is meant unless it starts with refs/.
Event dispatch_event(const Repository& repository, const Actor& sender, std::string_view ref,
                     std::string_view sha, const Workflow& workflow, const DispatchInputs& inputs);

}  // namespace gantry::core::workflow
