// SPDX-License-Identifier: MIT
#include "core/expr/contexts.hpp"

namespace gantry::core::expr {
namespace {

constexpr FunctionRule kHashFiles{"hashFiles", 1, 255};
constexpr FunctionRule kJobFunctions[] = {
    {"always", 0, 0}, {"cancelled", 0, 0}, {"failure", 0, kAnyNumber}, {"success", 0, kAnyNumber}};
constexpr FunctionRule kStepFunctions[] = {
    {"always", 0, 0}, {"cancelled", 0, 0}, {"failure", 0, 0}, {"success", 0, 0}, kHashFiles};
constexpr FunctionRule kFileFunctions[] = {kHashFiles};

constexpr std::string_view kRun[] = {"github", "inputs", "vars"};
constexpr std::string_view kRunSecrets[] = {"github", "inputs", "vars", "secrets"};
constexpr std::string_view kRunJobs[] = {"github", "inputs", "vars", "jobs"};
constexpr std::string_view kNeeds[] = {"github", "inputs", "vars", "needs"};
constexpr std::string_view kMatrix[] = {"github", "inputs", "vars", "needs", "strategy", "matrix"};
constexpr std::string_view kMatrixSecrets[] = {"github",   "inputs", "vars",   "needs",
                                               "strategy", "matrix", "secrets"};
constexpr std::string_view kMatrixEnv[] = {"github",   "inputs", "vars", "needs",
                                           "strategy", "matrix", "env"};
constexpr std::string_view kCredentials[] = {"github", "inputs", "vars", "secrets", "env"};
constexpr std::string_view kStep[] = {"github",  "inputs", "vars", "needs",  "strategy", "matrix",
                                      "secrets", "steps",  "job",  "runner", "env"};
constexpr std::string_view kStepNoSecrets[] = {"github", "inputs", "vars", "needs",  "strategy",
                                               "matrix", "steps",  "job",  "runner", "env"};
constexpr std::string_view kComposite[] = {"github", "inputs", "strategy", "matrix",
                                           "steps",  "job",    "runner",   "env"};
constexpr std::string_view kActionDefault[] = {"github", "strategy", "matrix", "job", "runner"};
constexpr std::string_view kActionIf[] = {"github", "inputs", "strategy", "matrix",
                                          "job",    "runner", "env"};
constexpr std::string_view kInputs[] = {"inputs"};

}  // namespace

Scope scope_of(Place place) {
  switch (place) {
    case Place::run_name:
      return {kRun, {}};
    case Place::workflow_env:
      return {kRunSecrets, {}};
    case Place::workflow_call_output:
      return {kRunJobs, {}};
    case Place::job_if:
      return {kNeeds, kJobFunctions};
    case Place::job_strategy:
      return {kNeeds, {}};
    case Place::job:
      return {kMatrix, {}};
    case Place::job_secrets:
    case Place::job_env:
      return {kMatrixSecrets, {}};
    case Place::job_defaults_run:
      return {kMatrixEnv, {}};
    case Place::job_outputs:
    case Place::container_env:
      return {kStep, {}};
    case Place::job_environment_url:
      return {kStepNoSecrets, {}};
    case Place::container_credentials:
      return {kCredentials, {}};
    case Place::step:
      return {kStep, kFileFunctions};
    case Place::step_if:
      return {kStepNoSecrets, kStepFunctions};
    case Place::action_input_default:
      return {kActionDefault, kFileFunctions};
    case Place::action_output:
      return {kComposite, {}};
    case Place::action_runs_if:
      return {kActionIf, kStepFunctions};
    case Place::action_container:
      return {kInputs, {}};
    case Place::composite_step:
      return {kComposite, kFileFunctions};
    case Place::composite_step_if:
      return {kComposite, kStepFunctions};
  }
  return {};
}

}  // namespace gantry::core::expr
