// SPDX-License-Identifier: MIT
// An evaluated `strategy` → the legs of a job, in order, by GitHub's rules for include and exclude.
#pragma once

#include "core/expr/value.hpp"

#include <string>
#include <vector>

namespace gantry::core::workflow {

inline constexpr std::size_t kMaxLegs = 256;

struct MatrixLeg {
  expr::Value matrix;              // object, or null: the one leg of a job without a matrix
  std::vector<std::string> names;  // values shown in the job's name
};

// What is wrong, and under which keys of `strategy` ("matrix", "os"; sequence items by number).
struct StrategyProblem {
  std::string message;
  std::vector<std::string> path;
};

struct Strategy {
  std::vector<MatrixLeg> legs;  // never empty unless there are problems
  bool fail_fast = true;
  int max_parallel = 0;  // 0: no limit
  std::vector<StrategyProblem> problems;
};

// `strategy`: null when the job has none.
Strategy expand_strategy(const expr::Value& strategy);

// " (a, b)" put behind a job's name, empty without names.
std::string name_suffix(const MatrixLeg& leg);
// At most 100 characters: the first 97 and "...".
std::string shorten_job_name(std::string_view name);

}  // namespace gantry::core::workflow
