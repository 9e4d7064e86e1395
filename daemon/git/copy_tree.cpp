// SPDX-License-Identifier: MIT
#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/unique_fd.hpp"
#include "daemon/git/copy_file.hpp"
#include "daemon/git/workspace.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <memory>
#include <thread>
#include <vector>

namespace gantry::daemon::git {
namespace {

using core::UniqueFd;

struct Folder {
  std::string path;  // relative; "" is the root
  struct stat status {};
};

struct DirectoryCloser {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

std::string join(const std::string& folder, const std::string& name) {
  return folder.empty() ? name : folder + "/" + name;
}

// The trees hold what a repository says: no name is followed through a link.
UniqueFd open_folder(int root, const std::string& path) {
  if (path.empty()) return UniqueFd(::fcntl(root, F_DUPFD_CLOEXEC, 0));
  UniqueFd fd = core::open_beneath(root, path, O_RDONLY | O_DIRECTORY);
  if (!fd) core::throw_errno("opening folder '" + path + "'");
  return fd;
}

std::vector<std::string> names_in(int folder, const std::string& path) {
  UniqueFd own(::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!own) core::throw_errno("reading folder '" + path + "'");
  const std::unique_ptr<DIR, DirectoryCloser> directory(::fdopendir(own.get()));
  if (!directory) core::throw_errno("reading folder '" + path + "'");
  static_cast<void>(own.release());
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(directory.get());
    if (entry == nullptr) break;
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  if (errno != 0) core::throw_errno("reading folder '" + path + "'");
  return names;
}

void set_mtime(int folder, const char* name, const struct stat& status, const std::string& path) {
  const timespec times[2] = {{0, UTIME_OMIT}, status.st_mtim};
  if (::utimensat(folder, name, times, AT_SYMLINK_NOFOLLOW) != 0) {
    core::throw_errno("setting the time of '" + path + "'");
  }
}

struct Counters {
  std::atomic<std::uint64_t> files = 0;
  std::atomic<std::uint64_t> bytes = 0;
  std::atomic<std::uint64_t> reflinked = 0;
};

void copy_link(int from, int to, const std::string& name, const struct stat& status,
               const std::string& path) {
  std::string target(static_cast<std::size_t>(status.st_size) + 1, '\0');
  const ssize_t length = ::readlinkat(from, name.c_str(), target.data(), target.size());
  if (length < 0) core::throw_errno("reading link '" + path + "'");
  target.resize(static_cast<std::size_t>(length));
  if (::symlinkat(target.c_str(), to, name.c_str()) != 0) {
    core::throw_errno("making link '" + path + "'");
  }
  set_mtime(to, name.c_str(), status, path);
}

void copy_file(int from, int to, const std::string& name, const std::string& path,
               Counters& counters) {
  const UniqueFd in(::openat(from, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!in) core::throw_errno("opening '" + path + "'");
  struct stat status {};
  if (::fstat(in.get(), &status) != 0) core::throw_errno("reading '" + path + "'");
  const mode_t mode = status.st_mode & 0777;
  const UniqueFd out(
      ::openat(to, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!out) core::throw_errno("creating '" + path + "'");
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (copy_contents(in.get(), out.get(), size, path) == CopyMethod::reflinked) ++counters.reflinked;
  if (::fchmod(out.get(), mode) != 0) core::throw_errno("setting the mode of '" + path + "'");
  const timespec times[2] = {{0, UTIME_OMIT}, status.st_mtim};
  if (::futimens(out.get(), times) != 0) core::throw_errno("setting the time of '" + path + "'");
  ++counters.files;
  counters.bytes += size;
}

class Copier {
 public:
  Copier(const fs::path& from, const fs::path& to)
      : from_(core::open_directory(from)), to_(core::open_directory(to)) {}

  CopyStatistics run() {
    // Not by recursion: a hostile tree may be thousands of folders deep.
    for (std::vector<std::string> waiting = {""}; !waiting.empty();) {
      const std::string path = std::move(waiting.back());
      waiting.pop_back();
      make_folder(path, waiting);
    }
    const unsigned workers = std::clamp(std::thread::hardware_concurrency(), 1U, 8U);
    {
      std::vector<std::jthread> threads;
      for (unsigned i = 1; i < workers; ++i)
        threads.emplace_back([this] { work(); });
      work();
    }
    if (failure_) std::rethrow_exception(failure_);
    // Children before parents: making an entry changes the time of its folder.
    for (auto folder = folders_.rbegin(); folder != folders_.rend(); ++folder) {
      const UniqueFd fd = open_folder(to_.get(), folder->path);
      if (::fchmod(fd.get(), folder->status.st_mode & 0777) != 0) {
        core::throw_errno("setting the mode of '" + folder->path + "'");
      }
      set_mtime(fd.get(), ".", folder->status, folder->path);
    }
    return {counters_.files, counters_.bytes, counters_.reflinked};
  }

 private:
  struct Listing {
    std::string folder;
    std::vector<std::string> names;  // files and links
  };

  void make_folder(const std::string& path, std::vector<std::string>& waiting) {
    const UniqueFd from = open_folder(from_.get(), path);
    const UniqueFd to = open_folder(to_.get(), path);
    Folder folder{path};
    if (::fstat(from.get(), &folder.status) != 0) core::throw_errno("reading '" + path + "'");
    folders_.push_back(folder);
    Listing listing{path, {}};
    for (std::string& name : names_in(from.get(), path)) {
      struct stat status {};
      if (::fstatat(from.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
        core::throw_errno("reading '" + join(path, name) + "'");
      }
      if (!S_ISDIR(status.st_mode)) {
        listing.names.push_back(std::move(name));
        continue;
      }
      if (::mkdirat(to.get(), name.c_str(), 0700) != 0) {
        core::throw_errno("making folder '" + join(path, name) + "'");
      }
      waiting.push_back(join(path, name));
    }
    if (!listing.names.empty()) listings_.push_back(std::move(listing));
  }

  void work() {
    try {
      for (std::size_t i = next_++; i < listings_.size(); i = next_++)
        copy_listing(listings_[i]);
    } catch (...) {
      next_ = listings_.size();
      if (!has_failed_.exchange(true)) failure_ = std::current_exception();
    }
  }

  void copy_listing(const Listing& listing) {
    const UniqueFd from = open_folder(from_.get(), listing.folder);
    const UniqueFd to = open_folder(to_.get(), listing.folder);
    for (const std::string& name : listing.names) {
      const std::string path = join(listing.folder, name);
      struct stat status {};
      if (::fstatat(from.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
        core::throw_errno("reading '" + path + "'");
      }
      if (S_ISLNK(status.st_mode)) {
        copy_link(from.get(), to.get(), name, status, path);
      } else if (S_ISREG(status.st_mode)) {
        copy_file(from.get(), to.get(), name, path, counters_);
      }
    }
  }

  UniqueFd from_;
  UniqueFd to_;
  std::vector<Folder> folders_;  // parents before children
  std::vector<Listing> listings_;
  std::atomic<std::size_t> next_ = 0;
  Counters counters_;
  std::atomic<bool> has_failed_ = false;
  std::exception_ptr failure_;
};

}  // namespace

CopyStatistics copy_tree(const fs::path& from, const fs::path& to) {
  if (fs::exists(to) && !fs::is_empty(to)) {
    throw core::Exception(core::Errc::conflict,
                          "copying a tree into '" + to.string() + "': the folder is not empty");
  }
  fs::create_directories(to);
  return Copier(from, to).run();
}

}  // namespace gantry::daemon::git
