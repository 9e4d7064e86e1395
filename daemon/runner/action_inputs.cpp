// SPDX-License-Identifier: MIT
#include "daemon/runner/action_inputs.hpp"

#include "core/base/text.hpp"

#include <algorithm>

namespace gantry::daemon::runner {
namespace {

using core::workflow::ActionInput;
using core::workflow::StringMap;

std::string listed(const std::vector<std::string>& names) {
  return "'" + core::join(names, "', '") + "'";
}

bool is_given(const StringMap& with, std::string_view name) {
  return std::any_of(with.begin(), with.end(), [&](const auto& pair) {
    return core::equals_ignoring_case(pair.first, name);
  });
}

}  // namespace

core::Result<ActionInputs> action_inputs(const core::workflow::Action& action,
                                         const StringMap& with, const Evaluator& defaults) {
  ActionInputs inputs;
  inputs.values = with;
  std::vector<std::string> unexpected, valid;
  for (const auto& pair : with) {
    const ActionInput* known = action.find_input(pair.first);
    if (known == nullptr) {
      unexpected.push_back(pair.first);
    } else if (!known->deprecation.empty()) {
      inputs.warnings.push_back("Input '" + pair.first +
                                "' has been deprecated with message: " + known->deprecation);
    }
  }
  for (const ActionInput& input : action.inputs) {
    valid.push_back(input.name);
    if (is_given(with, input.name)) continue;
    TRY(std::string value, defaults.text(input.default_value));
    inputs.values.emplace_back(input.name, std::move(value));
  }
  if (!unexpected.empty()) {
    inputs.warnings.push_back("Unexpected input(s) " + listed(unexpected) + ", valid inputs are [" +
                              listed(valid) + "]");
  }
  return inputs;
}

std::string input_variable(std::string_view name) {
  std::string variable = "INPUT_";
  for (const char c : name) {
    const bool lower = c >= 'a' && c <= 'z';
    variable.push_back(c == ' ' ? '_' : lower ? static_cast<char>(c - 'a' + 'A') : c);
  }
  return variable;
}

core::Result<std::string> node_program(std::string_view runtime,
                                       const proto::NamedValues& configured,
                                       const FindProgram& find) {
  const auto of = [&](std::string_view key) -> std::string {
    for (const auto& [name, program] : configured) {
      if (name == key) return program;
    }
    return "";
  };
  // As on GitHub, where the old ones are gone and run by node20.
  const bool is_old = runtime == "node12" || runtime == "node16";
  for (const std::string_view key : {runtime, std::string_view(is_old ? "node20" : runtime),
                                     std::string_view("node"), std::string_view("node24")}) {
    if (std::string program = of(key); !program.empty()) return program;
  }
  if (std::string program = find("node"); !program.empty()) return program;
  return core::fail(core::Errc::not_found,
                    "running a " + std::string(runtime) +
                        " action: this machine shows jobs no 'node'; install Node.js 20 or newer, "
                        "or name one in actions.node of the config (`gantry doctor` tells what is "
                        "found)");
}

}  // namespace gantry::daemon::runner
