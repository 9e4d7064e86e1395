// SPDX-License-Identifier: MIT
// A folder whose files are those of another one, at the cost of their names only.
#pragma once

#include <filesystem>

namespace gantry::daemon::runner {

// Makes `to`, which must be absent, of hard links; symbolic links are made anew and never followed.
// Copies where links cannot be had (another file system). Whoever can write to one writes to both:
// for trees that are shown read-only. Throws core::Exception.
void link_tree(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace gantry::daemon::runner
