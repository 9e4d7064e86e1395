// SPDX-License-Identifier: MIT
// Why a job started or not: its condition as a tree with the value of every part. Nothing of this
// is stored: a run's inputs and its jobs' results are, and the same rules give the same answer.
#pragma once

#include "core/run/job_plan.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gantry::core::run {

struct ConditionNode {
  std::string text;
  std::optional<std::string> value;  // JSON, cut when long; absent: it was never looked at
  std::vector<ConditionNode> children;
};

struct Explanation {
  std::string condition;      // as it is evaluated, with success() where it was added
  std::optional<bool> holds;  // absent: it could not be evaluated
  std::string problem;
  std::vector<std::string> because;
  ConditionNode tree;
  std::vector<std::pair<std::string, std::optional<Conclusion>>> needs;  // absent: not done yet
};

// Without `needs`.
Explanation explain_condition(const workflow::Job& job, const expr::Object& contexts,
                              const Ancestry& status);

}  // namespace gantry::core::run
