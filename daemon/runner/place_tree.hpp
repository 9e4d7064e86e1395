// SPDX-License-Identifier: MIT
// Puts a finished tree into a folder of the job, which may change under us: everything below the
// folder is reached by its descriptor and never through a link. Throws core::Exception.
#pragma once

#include <filesystem>
#include <string_view>

namespace gantry::daemon::runner {

namespace fs = std::filesystem;

// Moves what lies in `from` into the folder. What is in the way goes, but folders are merged.
void place_tree(const fs::path& from, int folder_fd);

// Removes everything in the folder, or one thing in it.
void empty_folder(int folder_fd);
void remove_beneath(int folder_fd, const fs::path& relative);

// Appends to a plain file below the folder.
void append_beneath(int folder_fd, const fs::path& relative, std::string_view text);

}  // namespace gantry::daemon::runner
