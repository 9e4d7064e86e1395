// SPDX-License-Identifier: MIT
#include "daemon/runner/link_tree.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "daemon/git/workspace.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <memory>

namespace gantry::daemon::runner {
namespace {

namespace fs = std::filesystem;

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

void copy_link(int from, int to, const char* name) {
  std::array<char, PATH_MAX> target{};
  const ssize_t length = ::readlinkat(from, name, target.data(), target.size() - 1);
  if (length < 0 || ::symlinkat(target.data(), to, name) != 0) {
    core::throw_errno("copying link '" + std::string(name) + "'");
  }
}

unsigned char type_of(int folder, const dirent& entry) {
  if (entry.d_type != DT_UNKNOWN) return entry.d_type;
  struct stat status {};
  if (::fstatat(folder, entry.d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
    core::throw_errno("looking at '" + std::string(entry.d_name) + "'");
  }
  return static_cast<unsigned char>(IFTODT(status.st_mode));
}

// False: the file system does not let us.
bool link_folder(int from, int to) {
  const int copy = ::fcntl(from, F_DUPFD_CLOEXEC, 3);
  const std::unique_ptr<DIR, CloseFolder> folder(::fdopendir(copy));
  if (!folder) core::throw_errno("reading a folder of an action");
  while (const dirent* entry = ::readdir(folder.get())) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    const unsigned char type = type_of(from, *entry);
    if (type == DT_LNK) {
      copy_link(from, to, name.c_str());
    } else if (type == DT_DIR) {
      if (::mkdirat(to, name.c_str(), 0755) != 0) core::throw_errno("making '" + name + "'");
      const core::UniqueFd inner_from = core::open_beneath(from, name, O_RDONLY | O_DIRECTORY);
      const core::UniqueFd inner_to = core::open_beneath(to, name, O_RDONLY | O_DIRECTORY);
      if (!link_folder(inner_from.get(), inner_to.get())) return false;
    } else if (type == DT_REG) {
      if (::linkat(from, name.c_str(), to, name.c_str(), 0) == 0) continue;
      if (errno == EXDEV || errno == EPERM || errno == EMLINK) return false;
      core::throw_errno("linking '" + name + "'");
    }
  }
  return true;
}

}  // namespace

void link_tree(const fs::path& from, const fs::path& to) {
  fs::create_directories(to.parent_path());
  fs::create_directory(to);
  const core::UniqueFd source = core::open_directory(from);
  const core::UniqueFd target = core::open_directory(to);
  if (link_folder(source.get(), target.get())) return;
  if (const auto left = core::remove_tree(to)) throw core::Exception(core::Errc::io, *left);
  git::copy_tree(from, to);
}

}  // namespace gantry::daemon::runner
