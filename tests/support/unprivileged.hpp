// SPDX-License-Identifier: MIT
// Tests of what must run without privileges (sandboxes, git as another user) when root starts
// them. As an unprivileged user all of this does nothing.
#pragma once

#include <string>
#include <vector>

namespace gantry::tests {

inline constexpr unsigned kUnprivilegedId = 65534;  // nobody

// The command line that runs `argv` as the unprivileged user.
std::vector<std::string> as_unprivileged(std::vector<std::string> argv);

// Turns this whole process into one of the unprivileged user, with HOME and TMPDIR that fit.
// For main(), before threads and temporary folders. Throws core::Exception.
void become_unprivileged();

// chown -R to the unprivileged user. Throws core::Exception.
void give_to_unprivileged(const std::string& path);

// Empty: sandboxes can be made here by this user. Otherwise the reason, for a visible skip.
std::string why_no_sandbox();

}  // namespace gantry::tests
