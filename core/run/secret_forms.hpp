// SPDX-License-Identifier: MIT
// The forms in which programs print a secret: encoded, escaped, quoted.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gantry::core::run {

// The value itself and its derived forms; empty ones are left out, equal ones may repeat.
std::vector<std::string> secret_forms(std::string_view value);

}  // namespace gantry::core::run
