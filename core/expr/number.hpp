// SPDX-License-Identifier: MIT
// Numbers of the workflow language: every number is a double.
#pragma once

#include <string>
#include <string_view>

namespace gantry::core::expr {

// The number a text stands for after trimming: '' is 0, decimals with exponent, 0x and 0o (as
// signed 32 bits, so 0xFFFFFFFF is -1), Infinity; NaN for everything else.
double parse_number(std::string_view text);

// Fifteen significant digits, as GitHub prints: 0.1, 1E+15, NaN, -Infinity; minus zero is 0.
std::string format_number(double value);

}  // namespace gantry::core::expr
