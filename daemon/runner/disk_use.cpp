// SPDX-License-Identifier: MIT
#include "daemon/runner/disk_use.hpp"

#include "core/base/unique_fd.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <memory>

namespace gantry::daemon::runner {
namespace {

constexpr std::uint64_t kBlockBytes = 512;
constexpr int kDeepest =
    256;  // descriptors held at once; no build goes so deep, who hides files does

void add_folder(core::UniqueFd folder, int depth, std::uint64_t enough, std::uint64_t& bytes) {
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(folder.get()), ::closedir);
  if (!stream) return;
  const int fd = folder.release();
  while (const dirent* entry = bytes > enough ? nullptr : ::readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    struct stat status {};
    if (::fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
    bytes += static_cast<std::uint64_t>(status.st_blocks) * kBlockBytes;
    if (!S_ISDIR(status.st_mode)) continue;
    if (depth == kDeepest) {
      bytes = enough + 1;
      return;
    }
    core::UniqueFd child(
        ::openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (child) add_folder(std::move(child), depth + 1, enough, bytes);
  }
}

}  // namespace

std::uint64_t disk_use_bytes(const std::filesystem::path& folder, std::uint64_t enough) {
  std::uint64_t bytes = 0;
  core::UniqueFd root(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (root) add_folder(std::move(root), 0, enough, bytes);
  return bytes;
}

}  // namespace gantry::daemon::runner
