// SPDX-License-Identifier: MIT
#include "daemon/runner/evaluate.hpp"

namespace gantry::daemon::runner {
namespace {

template <class T>
core::Result<T> in_file(const std::string& file, core::workflow::Evaluated<T> evaluated) {
  if (evaluated) return std::move(*evaluated);
  const core::yaml::Diagnostic& diagnostic = evaluated.error();
  std::string message = file + ':' + std::to_string(diagnostic.position.line) + ':' +
                        std::to_string(diagnostic.position.column) + ": " + diagnostic.message;
  if (!diagnostic.hint.empty()) message += "; " + diagnostic.hint;
  return core::fail(core::Errc::invalid, std::move(message));
}

}  // namespace

core::Result<core::expr::Value> Evaluator::value(const core::workflow::Token& token) const {
  return in_file(file, core::workflow::evaluate(token, environment));
}
core::Result<std::string> Evaluator::text(const core::workflow::Token& token) const {
  return in_file(file, core::workflow::evaluate_string(token, environment));
}
core::Result<core::workflow::StringMap> Evaluator::texts(const core::workflow::Token& token) const {
  return in_file(file, core::workflow::evaluate_string_map(token, environment));
}
core::Result<double> Evaluator::number(const core::workflow::Token& token) const {
  return in_file(file, core::workflow::evaluate_number(token, environment));
}
core::Result<bool> Evaluator::boolean(const core::workflow::Token& token) const {
  return in_file(file, core::workflow::evaluate_boolean(token, environment));
}
core::Result<bool> Evaluator::condition(const core::workflow::Token& token) const {
  return in_file(file, core::workflow::evaluate_condition(token, environment));
}

}  // namespace gantry::daemon::runner
