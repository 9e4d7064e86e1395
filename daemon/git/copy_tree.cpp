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
#include <utility>
#include <vector>

namespace gantry::daemon::git {
namespace {

using core::UniqueFd;

constexpr std::size_t kListingSize = 128;  // files a worker takes at once

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

enum class Kind { folder, file, link, other };

struct Name {
  std::string name;
  Kind kind = Kind::other;
};

Kind kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return Kind::folder;
  if (S_ISREG(mode)) return Kind::file;
  return S_ISLNK(mode) ? Kind::link : Kind::other;
}

struct stat status_of(int folder, const std::string& name, const std::string& path) {
  struct stat status {};
  if (::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    core::throw_errno("reading '" + join(path, name) + "'");
  }
  return status;
}

// Most file systems say with the name what it is, which saves a call for each.
Kind kind_of(int folder, const dirent& entry, const std::string& path) {
  if (entry.d_type == DT_UNKNOWN) return kind_of(status_of(folder, entry.d_name, path).st_mode);
  return kind_of(static_cast<mode_t>(DTTOIF(entry.d_type)));
}

std::vector<Name> names_in(int folder, const std::string& path) {
  UniqueFd own(::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!own) core::throw_errno("reading folder '" + path + "'");
  const std::unique_ptr<DIR, DirectoryCloser> directory(::fdopendir(own.get()));
  if (!directory) core::throw_errno("reading folder '" + path + "'");
  static_cast<void>(own.release());
  std::vector<Name> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(directory.get());
    if (entry == nullptr) break;
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back({name, kind_of(folder, *entry, path)});
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

void copy_link(int from, int to, const std::string& name, const std::string& folder) {
  const struct stat status = status_of(from, name, folder);
  const std::string path = join(folder, name);
  std::string target(static_cast<std::size_t>(status.st_size) + 1, '\0');
  const ssize_t length = ::readlinkat(from, name.c_str(), target.data(), target.size());
  if (length < 0) core::throw_errno("reading link '" + path + "'");
  target.resize(static_cast<std::size_t>(length));
  if (::symlinkat(target.c_str(), to, name.c_str()) != 0) {
    core::throw_errno("making link '" + path + "'");
  }
  set_mtime(to, name.c_str(), status, path);
}

void copy_file(int from, int to, const std::string& name, const std::string& folder,
               Counters& counters) {
  const std::string path = join(folder, name);
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
    std::vector<Name> names;  // of what is no folder
  };

  void make_folder(const std::string& path, std::vector<std::string>& waiting) {
    const UniqueFd from = open_folder(from_.get(), path);
    const UniqueFd to = open_folder(to_.get(), path);
    Folder folder{path};
    if (::fstat(from.get(), &folder.status) != 0) core::throw_errno("reading '" + path + "'");
    folders_.push_back(folder);
    Listing listing{path, {}};
    for (Name& entry : names_in(from.get(), path)) {
      if (entry.kind == Kind::folder) {
        if (::mkdirat(to.get(), entry.name.c_str(), 0700) != 0) {
          core::throw_errno("making folder '" + join(path, entry.name) + "'");
        }
        waiting.push_back(join(path, entry.name));
        continue;
      }
      if (listing.names.size() == kListingSize) {
        listings_.push_back(std::exchange(listing, Listing{path, {}}));
      }
      listing.names.push_back(std::move(entry));
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
    for (const auto& [name, kind] : listing.names) {
      if (kind == Kind::link) copy_link(from.get(), to.get(), name, listing.folder);
      if (kind == Kind::file) copy_file(from.get(), to.get(), name, listing.folder, counters_);
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
