// SPDX-License-Identifier: MIT
// What an action is given: its inputs by manifest and `with`, their environment, and the program
// that runs it. Pure.
#pragma once

#include "core/workflow/action.hpp"
#include "daemon/runner/evaluate.hpp"
#include "proto/runner_protocol.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::daemon::runner {

struct ActionInputs {
  core::workflow::StringMap values;   // those given, then the defaults of the others
  std::vector<std::string> warnings;  // unexpected and deprecated ones
};

// `defaults` evaluates the manifest's default values.
core::Result<ActionInputs> action_inputs(const core::workflow::Action& action,
                                         const core::workflow::StringMap& with,
                                         const Evaluator& defaults);

// "INPUT_FETCH-DEPTH" of "fetch-depth": upper case, blanks become '_'.
std::string input_variable(std::string_view name);

// Full path of a program inside the sandbox, or "".
using FindProgram = std::function<std::string(std::string_view name)>;

// The program for `runtime` (node12 … node24): `configured` by runtime or "node", else the PATH's.
// Refuses with what to do about it.
core::Result<std::string> node_program(std::string_view runtime,
                                       const proto::NamedValues& configured,
                                       const FindProgram& find);

}  // namespace gantry::daemon::runner
