// SPDX-License-Identifier: MIT
// A listening socket for the runner, made where only the agent is: in the sandbox's network.
#pragma once

namespace gantry::daemon::agent {

// Sends a socket listening on 127.0.0.1, or the errno, over `reply` (proto/agent_frames.hpp).
void send_listener(int reply);

}  // namespace gantry::daemon::agent
