// SPDX-License-Identifier: MIT
// The way of a listening socket out of the sandbox; see Sandbox::listen.
#pragma once

#include "core/base/unique_fd.hpp"

namespace gantry::daemon::runner {

// Ours, non-blocking; the other end goes to `agent_end`. Throws core::Exception.
core::UniqueFd make_listener_channel(core::UniqueFd& agent_end);

}  // namespace gantry::daemon::runner
