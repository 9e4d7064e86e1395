// SPDX-License-Identifier: MIT
// Tokens of a workflow → values, once their contexts are known; errors carry the token's place.
#pragma once

#include "core/expr/evaluator.hpp"
#include "core/workflow/token.hpp"
#include "core/yaml/diagnostic.hpp"

#include <tl/expected.hpp>

#include <string>

namespace gantry::core::run {

template <class T>
using Evaluated = tl::expected<T, yaml::Diagnostic>;

yaml::Diagnostic diagnostic_at(yaml::Position position, std::string message);

// A sequence that an expression gives inside a sequence is spliced in, ${{ insert }} merges.
Evaluated<expr::Value> evaluate_token(const workflow::Token& token,
                                      const expr::Environment& environment);

}  // namespace gantry::core::run
