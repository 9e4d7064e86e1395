// SPDX-License-Identifier: MIT
// Where a program is, as execvp would find it.
#pragma once

#include <string>
#include <string_view>

namespace gantry::daemon::os {

// Looked up in our PATH when `name` has no slash. Empty: there is no such executable.
std::string find_program(std::string_view name);

}  // namespace gantry::daemon::os
