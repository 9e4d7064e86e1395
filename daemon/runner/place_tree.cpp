// SPDX-License-Identifier: MIT
#include "daemon/runner/place_tree.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cerrno>
#include <vector>

namespace gantry::daemon::runner {
namespace {

using core::Errc;
using core::Exception;

constexpr int kFolder = O_RDONLY | O_DIRECTORY;

fs::path reachable(int folder_fd) {
  return fs::path("/proc/self/fd") / std::to_string(folder_fd);
}

std::vector<fs::path> names_in(const fs::path& folder) {
  std::vector<fs::path> names;
  for (const auto& entry : fs::directory_iterator(folder))
    names.push_back(entry.path().filename());
  return names;
}

bool is_folder(int folder_fd, const fs::path& name) {
  struct stat status {};
  return ::fstatat(folder_fd, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISDIR(status.st_mode);
}

bool move(const fs::path& from, int folder_fd, const fs::path& name) {
  if (::renameat(AT_FDCWD, from.c_str(), folder_fd, name.c_str()) == 0) return true;
  if (errno != EEXIST && errno != ENOTEMPTY && errno != EISDIR && errno != ENOTDIR) {
    core::throw_errno("putting '" + name.string() + "' into the workspace");
  }
  return false;
}

}  // namespace

void remove_beneath(int folder_fd, const fs::path& relative) {
  core::UniqueFd parent;
  if (relative.has_parent_path()) {
    parent = core::open_beneath(folder_fd, relative.parent_path(), kFolder);
    if (!parent) return;
    folder_fd = parent.get();
  }
  if (const auto left = core::remove_tree(reachable(folder_fd) / relative.filename())) {
    throw Exception(Errc::io, "emptying the workspace: " + *left);
  }
}

void empty_folder(int folder_fd) {
  for (const fs::path& name : names_in(reachable(folder_fd)))
    remove_beneath(folder_fd, name);
}

void place_tree(const fs::path& from, int folder_fd) {
  for (const fs::path& name : names_in(from)) {
    const fs::path source = from / name;
    const bool is_tree = fs::is_directory(fs::symlink_status(source));
    if (is_tree && is_folder(folder_fd, name)) {
      const core::UniqueFd inner = core::open_beneath(folder_fd, name, kFolder);
      if (inner) {
        place_tree(source, inner.get());
        continue;
      }
    }
    if (move(source, folder_fd, name)) continue;
    remove_beneath(folder_fd, name);
    if (!move(source, folder_fd, name)) {
      throw Exception(Errc::conflict,
                      "putting '" + name.string() + "' into the workspace: the job is in the way");
    }
  }
}

void append_beneath(int folder_fd, const fs::path& relative, std::string_view text) {
  if (text.empty()) return;
  const core::UniqueFd file = core::open_beneath(folder_fd, relative, O_WRONLY | O_APPEND);
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    throw Exception(Errc::not_found,
                    "writing '" + relative.string() + "': it is no plain file any more");
  }
  core::write_all(file.get(), text);
}

}  // namespace gantry::daemon::runner
