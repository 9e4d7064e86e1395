// SPDX-License-Identifier: MIT
// A gantry-runner that runs no job: gantryd has it fork the runners, which so need not be executed,
// linked and initialised one by one. It knows no secret, and has one thread.
#pragma once

namespace gantry::daemon::runner {

// Standard input is a socket (SOCK_SEQPACKET): each message brings the standard input of a runner
// to be, and is answered with its number (pid_t; negative: the errno). The runner is the child of
// the one who asked.
enum class Nursery { became_runner, ended };
Nursery serve_nursery();  // returns in each runner, and when the socket is closed

}  // namespace gantry::daemon::runner
