// SPDX-License-Identifier: MIT
// `gantry-agent block-routes USERNS_FD NETNS_FD [IPV4…]`, run by gantry-runner outside the sandbox:
// makes private networks, this host's addresses and all of IPv6 unreachable in a job's network
// namespace. The job has no CAP_NET_ADMIN there and cannot undo it.
#pragma once

namespace gantry::daemon::agent {

// The exit code; says on standard error what failed. Fails closed.
int block_routes(int argc, char** argv);

}  // namespace gantry::daemon::agent
