// SPDX-License-Identifier: MIT
// How a `run:` script is started, by its `shell:`. Pure.
#pragma once

#include "core/base/result.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::daemon::runner {

struct ShellCommand {
  std::vector<std::string> arguments;  // the program first; one may hold {0}, the script's path
  std::string shown;                   // for the log, with {0}
  std::string extension;               // of the script file
  std::string before, after;           // lines put around the script

  std::vector<std::string> argv(const std::string& script_path) const;
};

// Full path of a program inside the sandbox, or "".
using FindProgram = std::function<std::string(std::string_view name)>;

// `shell` empty: bash when there is one, else sh, with -e only. Refuses a custom one without {0}.
core::Result<ShellCommand> shell_command(std::string_view shell, const FindProgram& find);

}  // namespace gantry::daemon::runner
