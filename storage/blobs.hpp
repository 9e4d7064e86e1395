// SPDX-License-Identifier: MIT
// Blobs: files named by the hex of their SHA-256, written by runners and taken over by renaming.
// The same bytes are kept once. Rows say which are used (storage/artifacts.hpp); call adopt() and
// remove_unused() on the thread that writes rows, so that neither sees the other's half.
#pragma once

#include "storage/layout.hpp"
#include "storage/sqlite.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace gantry::storage {

bool is_digest(std::string_view text);  // 64 hex digits, lower case

// `file` becomes the blob. Throws core::Exception.
void adopt_blob(const Layout& layout, const fs::path& file, const std::string& digest);

// Removes those that no row names. After the rows were committed.
void remove_unused_blobs(Database& database, const Layout& layout,
                         const std::vector<std::string>& digests);

// Every blob there is: what a crash between file and row left behind is found so.
std::vector<std::string> all_blobs(const Layout& layout);

}  // namespace gantry::storage
