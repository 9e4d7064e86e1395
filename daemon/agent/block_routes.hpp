// SPDX-License-Identifier: MIT
// `gantry-agent block-routes USERNS_FD NETNS_FD [IPV4…]`, run by gantry-runner outside the sandbox:
// makes private networks, this host's addresses and all of IPv6 unreachable in a job's network
// namespace. The job has no CAP_NET_ADMIN there and cannot undo it. Then it says "blocked" and
// stays until its standard input ends: slirp4netns is pointed at it, as the one process that is in
// the network namespace and in the user namespace that owns it.
#pragma once

namespace gantry::daemon::agent {

// The exit code; says on standard error what failed. Fails closed.
int block_routes(int argc, char** argv);

}  // namespace gantry::daemon::agent
