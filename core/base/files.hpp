// SPDX-License-Identifier: MIT
// File access with the safety rules of the house. All functions throw Exception on I/O errors.
#pragma once

#include "core/base/unique_fd.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace gantry::core {

namespace fs = std::filesystem;

// The whole file. `limit_bytes`: more is Errc::too_large.
std::string read_file(const fs::path& path, std::uint64_t limit_bytes = 64ULL << 20);
std::optional<std::string> read_file_if_exists(const fs::path& path,
                                               std::uint64_t limit_bytes = 64ULL << 20);

enum class Durability { none, synced };

// Replaces the file at once: temporary beside it, (fsync,) rename (, fsync of the folder).
void write_file_atomic(const fs::path& path, std::string_view bytes,
                       Durability durability = Durability::none, unsigned mode = 0644);

// All bytes or an exception; restarts on EINTR and short writes.
void write_all(int fd, std::string_view bytes);

// Opens `relative` strictly below `directory_fd`: no "..", absolute path or symbolic link is
// followed anywhere on the way (openat2 RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS). For every path that
// a job or a repository could have made. O_CLOEXEC and O_NONBLOCK are added, so a FIFO cannot
// hang the caller. Returns an empty fd when it does not exist; throws for everything else.
UniqueFd open_beneath(int directory_fd, const fs::path& relative, int flags, unsigned mode = 0);

UniqueFd open_directory(const fs::path& path);

// mkdtemp below `parent`; removed with everything in it on destruction. Move-only.
class TempDir {
 public:
  explicit TempDir(const fs::path& parent = fs::temp_directory_path());
  TempDir(TempDir&& other) noexcept : path_(std::move(other.path_)) { other.path_.clear(); }
  TempDir& operator=(TempDir&&) = delete;
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir();
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// Removes a tree a job may have filled, never following links; makes folders writable first.
// Returns what could not be removed, if anything.
std::optional<std::string> remove_tree(const fs::path& path) noexcept;

}  // namespace gantry::core
