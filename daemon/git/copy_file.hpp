// SPDX-License-Identifier: MIT
// The bytes of one file into another by the cheapest way the file system has.
#pragma once

#include <cstdint>
#include <string>

namespace gantry::daemon::git {

enum class CopyMethod { reflinked, copied };

// `size` is what fstat said of `from`; `to` is empty. Throws core::Exception; `name` is for its
// text.
CopyMethod copy_contents(int from, int to, std::uint64_t size, const std::string& name);

}  // namespace gantry::daemon::git
