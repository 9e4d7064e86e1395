// SPDX-License-Identifier: MIT
#include "core/base/error.hpp"
#include "core/base/files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

namespace gantry::core {
namespace {

// Goes down and up with one descriptor: a job may nest folders as deep as it likes. What it renames
// meanwhile cannot lead outside: no link is followed, and the way up must end where it began.
class Remover {
 public:
  explicit Remover(UniqueFd top) : at_(std::move(top)) { enter(""); }

  // The first problem, if any.
  std::optional<std::string> run() {
    while (!way_.empty()) {
      Folder& folder = way_.back();
      if (folder.folders.empty()) {
        if (!leave()) return problem_;
        continue;
      }
      const std::string name = std::move(folder.folders.back());
      folder.folders.pop_back();
      if (UniqueFd next = open_folder(name)) {
        at_ = std::move(next);
        enter(name);
      }
    }
    return problem_;
  }

 private:
  struct Folder {
    std::string name;
    dev_t device = 0;
    ino_t inode = 0;
    std::vector<std::string> folders;  // still to be removed
  };

  void note(const std::string& name) {
    if (!problem_) problem_ = "'" + name + "': " + errno_error("removing", errno).message;
  }

  UniqueFd open_folder(const std::string& name) {
    constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    UniqueFd fd(::openat(at_.get(), name.c_str(), kFlags));
    if (!fd && errno == EACCES &&
        ::fchmodat(at_.get(), name.c_str(), 0700, AT_SYMLINK_NOFOLLOW) == 0) {
      fd.reset(::openat(at_.get(), name.c_str(), kFlags));
    }
    if (!fd) note(name);
    return fd;
  }

  // Removes what is no folder in `at_`, remembers what is.
  void enter(const std::string& name) {
    Folder folder{name};
    struct stat status {};
    if (::fstat(at_.get(), &status) != 0) note(name);
    folder.device = status.st_dev;
    folder.inode = status.st_ino;
    if ((status.st_mode & 0700U) != 0700U) ::fchmod(at_.get(), 0700);
    UniqueFd copy(::openat(at_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(copy ? ::fdopendir(copy.get()) : nullptr,
                                                     [](DIR* open) { return ::closedir(open); });
    if (stream) static_cast<void>(copy.release());
    if (!stream) note(name);
    while (const dirent* entry = stream ? ::readdir(stream.get()) : nullptr) {
      const std::string_view entry_name = entry->d_name;
      if (entry_name == "." || entry_name == "..") continue;
      if (::unlinkat(at_.get(), entry->d_name, 0) == 0 || errno == ENOENT) continue;
      if (errno == EISDIR || errno == EPERM) {
        folder.folders.emplace_back(entry_name);
      } else {
        note(entry->d_name);
      }
    }
    way_.push_back(std::move(folder));
  }

  // Up, and away with the folder that is empty now. False: the way up leads elsewhere.
  bool leave() {
    const std::string name = way_.back().name;
    way_.pop_back();
    if (way_.empty()) return true;
    UniqueFd up(::openat(at_.get(), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct stat status {};
    const bool is_parent = up && ::fstat(up.get(), &status) == 0 &&
                           status.st_dev == way_.back().device &&
                           status.st_ino == way_.back().inode;
    if (!is_parent) {
      problem_ = "'" + name + "': it was moved meanwhile";
      return false;
    }
    at_ = std::move(up);
    if (::unlinkat(at_.get(), name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) note(name);
    return true;
  }

  UniqueFd at_;
  std::vector<Folder> way_;  // from the top to where we are
  std::optional<std::string> problem_;
};

}  // namespace

std::optional<std::string> remove_tree(const fs::path& path) noexcept {
  const std::string doing = "removing '" + path.string() + "': ";
  try {
    if (::unlink(path.c_str()) == 0 || errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    UniqueFd top(::open(path.c_str(), kFlags));
    if (!top && errno == EACCES &&
        ::fchmodat(AT_FDCWD, path.c_str(), 0700, AT_SYMLINK_NOFOLLOW) == 0) {
      top.reset(::open(path.c_str(), kFlags));
    }
    if (!top) throw_errno("opening it");
    if (auto problem = Remover(std::move(top)).run()) return doing + *problem;
    if (::rmdir(path.c_str()) != 0 && errno != ENOENT) throw_errno("removing the folder");
    return std::nullopt;
  } catch (const std::exception& e) {
    return doing + e.what();
  }
}

}  // namespace gantry::core
