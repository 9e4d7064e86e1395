// SPDX-License-Identifier: MIT
// Where Gantry's other programs are: beside gantryd in a build, in libexec once installed.
#pragma once

#include <filesystem>

namespace gantry::daemon::control {

struct Programs {
  std::filesystem::path runner, agent, git;
};

// $GANTRY_LIBEXEC, the folder of this executable, or ../libexec/gantry beside it. Throws
// core::Exception naming what is missing and every place looked at.
Programs find_programs();

}  // namespace gantry::daemon::control
