// SPDX-License-Identifier: MIT
#include "storage/blobs.hpp"

#include "core/base/error.hpp"
#include "storage/artifacts.hpp"

#include <algorithm>

namespace gantry::storage {

bool is_digest(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

void adopt_blob(const Layout& layout, const fs::path& file, const std::string& digest) {
  if (!is_digest(digest)) {
    throw core::Exception(core::Errc::invalid, "keeping a blob: '" + digest + "' is no SHA-256");
  }
  const fs::path blob = layout.blob(digest);
  std::error_code error;
  fs::create_directories(blob.parent_path(), error);
  if (!error) fs::rename(file, blob, error);
  // Taken over before, by a call whose answer was lost.
  if (error == std::errc::no_such_file_or_directory && fs::exists(blob)) return;
  if (error) {
    throw core::Exception(core::Errc::io,
                          "keeping blob '" + blob.string() + "': " + error.message());
  }
}

void remove_unused_blobs(Database& database, const Layout& layout,
                         const std::vector<std::string>& digests) {
  for (const std::string& digest : digests) {
    if (is_blob_used(database, digest)) continue;
    std::error_code error;
    fs::remove(layout.blob(digest), error);
    if (error) {
      throw core::Exception(core::Errc::io, "removing blob '" + digest + "': " + error.message());
    }
  }
}

std::vector<std::string> all_blobs(const Layout& layout) {
  std::vector<std::string> digests;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(layout.blobs(), error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (is_digest(name)) digests.push_back(name);
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    throw core::Exception(core::Errc::io, "listing blobs: " + error.message());
  }
  return digests;
}

}  // namespace gantry::storage
