// SPDX-License-Identifier: MIT
// A gantry-runner that runs no job: gantryd has it fork the runners, which so need not be executed,
// linked and initialised one by one. It knows no secret, and has one thread.
#pragma once

#include "core/base/unique_fd.hpp"

#include <optional>

namespace gantry::daemon::runner {

// Standard input is a socket (SOCK_SEQPACKET): each message brings the standard input of a runner
// to be and the lock of its folder, and is answered with its number (pid_t; negative: the errno).
// The runner is the child of the one who asked.
// Returns in each runner, with the lock, and when the socket is closed, with nothing.
std::optional<core::UniqueFd> serve_nursery();

}  // namespace gantry::daemon::runner
