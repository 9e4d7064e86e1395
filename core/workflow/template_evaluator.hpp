// SPDX-License-Identifier: MIT
// Token × contexts → value, by GitHub's rules: a whole expression keeps its type, `${{ insert }}`
// merges a mapping, a sequence inside a sequence is spliced in place, keys that become equal are an
// error. Pure; used by the run machine (strategy, runs-on, names …) and for job messages.
#pragma once

#include "core/expr/evaluator.hpp"
#include "core/workflow/token.hpp"

#include <tl/expected.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gantry::core::workflow {

// The error carries the position of the token at fault.
template <class T>
using Evaluated = tl::expected<T, yaml::Diagnostic>;
using StringMap = std::vector<std::pair<std::string, std::string>>;

inline constexpr std::size_t kMaxEvaluatedBytes = std::size_t{10} << 20U;

// A null token is null.
Evaluated<expr::Value> evaluate(const Token& token, const expr::Environment& environment);

// Typed by what the schema wants at the place. Scalars become strings (null '', 3.10 '3.1'); there
// a sequence or a mapping is an error. A null token gives "", false, 0 and nothing.
Evaluated<std::string> evaluate_string(const Token& token, const expr::Environment& environment);
Evaluated<bool> evaluate_boolean(const Token& token, const expr::Environment& environment);
Evaluated<double> evaluate_number(const Token& token, const expr::Environment& environment);
// env, with, outputs, services' env; in order.
Evaluated<StringMap> evaluate_string_map(const Token& token, const expr::Environment& environment);
// A string is a sequence of one: runs-on, labels.
Evaluated<std::vector<std::string>> evaluate_strings(const Token& token,
                                                     const expr::Environment& environment);
// `if`: is it truthy.
Evaluated<bool> evaluate_condition(const Token& token, const expr::Environment& environment);

}  // namespace gantry::core::workflow
