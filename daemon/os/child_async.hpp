// SPDX-License-Identifier: MIT
// Waiting for a child in a coroutine, by Boost.Process v2 on the child's pidfd.
#pragma once

#include "daemon/os/child.hpp"

#include <boost/asio/awaitable.hpp>

namespace gantry::daemon::os {

// Returns when the process has ended; it may be anybody's and is not reaped.
boost::asio::awaitable<void> wait_exited(int pidfd);

// The end of `child`, which must outlive the wait. Cancelling the wait (per-operation
// cancellation) throws boost::system::system_error and leaves the child running and owned.
boost::asio::awaitable<ExitStatus> async_wait(Child& child);

}  // namespace gantry::daemon::os
