// SPDX-License-Identifier: MIT
// JSON as fromJSON() takes it: GitHub's reader forgives comments, single quotes, names without
// quotes, commas too many, hexadecimal and octal numbers, NaN and Infinity, and stops after the
// first value. Depth is limited to 64.
#pragma once

#include "core/expr/value.hpp"

namespace gantry::core::expr {

Result<Value> parse_lenient_json(std::string_view text);

}  // namespace gantry::core::expr
