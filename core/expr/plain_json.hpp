// SPDX-License-Identifier: MIT
// The JSON that machines write, read fast. What is unusual, wrong or beyond a limit is left to
// parse_json()'s other reader, so that only one decides on that, and has words for it.
#pragma once

#include "core/expr/value.hpp"

#include <optional>
#include <string_view>

namespace gantry::core::expr {

// Nothing: ask the other reader.
std::optional<Value> read_plain_json(std::string_view text, Keys keys);

}  // namespace gantry::core::expr
