// SPDX-License-Identifier: MIT
// What a run would do, by the run machine itself, with every job that starts taken to succeed.
// For `gantry validate --event`.
#pragma once

#include "core/run/run_machine.hpp"

#include <memory>
#include <string>
#include <vector>

namespace gantry::core::run {

struct DryJob {
  enum class Outcome { starts, skipped, fails };
  LegKey key;
  std::string name;
  Outcome outcome = Outcome::starts;
  std::vector<std::string> needs, labels;
  std::string condition;             // of a skipped job
  std::vector<std::string> because;  // what made it false
  std::string problem;               // of a job that cannot be planned
  std::string concurrency;           // the group, "" = none
  expr::Value matrix;
};

// In the order in which they would start.
std::vector<DryJob> dry_run(std::shared_ptr<const workflow::Workflow> workflow,
                            RunContexts contexts);

}  // namespace gantry::core::run
