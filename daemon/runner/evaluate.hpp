// SPDX-License-Identifier: MIT
// Values of the job's tokens when their contexts are known. Errors name the file and the position.
#pragma once

#include "core/base/result.hpp"
#include "core/workflow/template_evaluator.hpp"

#include <string>

namespace gantry::daemon::runner {

struct Evaluator {
  std::string file;  // for messages
  core::expr::Environment environment;

  core::Result<core::expr::Value> value(const core::workflow::Token& token) const;
  core::Result<std::string> text(const core::workflow::Token& token) const;
  core::Result<core::workflow::StringMap> texts(const core::workflow::Token& token) const;
  core::Result<double> number(const core::workflow::Token& token) const;
  core::Result<bool> boolean(const core::workflow::Token& token) const;
  core::Result<bool> condition(const core::workflow::Token& token) const;
};

}  // namespace gantry::daemon::runner
