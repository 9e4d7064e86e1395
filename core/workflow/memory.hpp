// SPDX-License-Identifier: MIT
// Sizes as GitHub counts them, for the limit of what one file or one evaluation may grow to.
#pragma once

#include "core/expr/value.hpp"
#include "core/workflow/token.hpp"

#include <cstddef>
#include <string_view>

namespace gantry::core::workflow {

std::size_t bytes_of(std::string_view text);
std::size_t bytes_of(const Token& token);       // without what is in it
std::size_t bytes_of_tree(const Token& token);  // with all
std::size_t bytes_of_tree(const expr::Value& value);

}  // namespace gantry::core::workflow
