// SPDX-License-Identifier: MIT
// Part of the run machine: one job whose needs are met → its condition and its legs.
#pragma once

#include "core/run/run_machine.hpp"
#include "core/workflow/template_evaluator.hpp"

namespace gantry::core::run {

using workflow::Evaluated;

yaml::Diagnostic diagnostic_at(yaml::Position position, std::string message);

// What success(), failure() and cancelled() answer for one job.
struct Ancestry {
  bool run_cancelled = false;
  std::vector<std::pair<std::string, Conclusion>> ancestors;  // all, not only direct needs
};

struct Condition {
  bool holds = false;
  std::vector<std::string> because;  // values that were looked at, and ancestors not successful
};
using Observer = std::function<void(const expr::Node& node, const expr::Value& value)>;
// `contexts`: github, needs, vars, inputs. `observe` is told every node's value.
Evaluated<Condition> evaluate_condition(const workflow::Job& job, const expr::Object& contexts,
                                        const Ancestry& status, const Observer& observe = {});
std::string condition_text(const workflow::Job& job);

// Every leg of the job or call, in order; on an error the job cannot be planned.
Evaluated<std::vector<CreateLeg>> plan_legs(const workflow::Job& job, const expr::Object& contexts);

// Name of a job that has no legs: as written, the id where it would need them.
std::string plain_name(const workflow::Job& job);

}  // namespace gantry::core::run
