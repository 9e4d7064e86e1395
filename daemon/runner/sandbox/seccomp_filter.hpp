// SPDX-License-Identifier: MIT
// The system call filter of jobs as classic BPF, made at build time by seccomp_generator.
#pragma once

#include <string_view>

namespace gantry::daemon::runner {

std::string_view seccomp_filter();

}  // namespace gantry::daemon::runner
