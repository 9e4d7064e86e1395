// SPDX-License-Identifier: MIT
#include "daemon/git/workspace.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "core/base/unique_fd.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace gantry::daemon::git {
namespace {

constexpr std::string_view kLock = ".lock";
constexpr std::string_view kMaking = ".making";

core::UniqueFd open_lock(const fs::path& path) {
  core::UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) core::throw_errno("opening lock '" + path.string() + "'");
  return fd;
}

// Evicting a tree removes its lock's name: who got the lock of a removed file opens it anew.
bool is_removed(const core::UniqueFd& fd) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) core::throw_errno("looking at the lock of a shared tree");
  return status.st_nlink == 0;
}

void lock(const core::UniqueFd& fd, int operation) {
  while (::flock(fd.get(), operation) != 0) {
    if (errno != EINTR) core::throw_errno("locking a shared tree");
  }
}

// Anyone can make two texts of one hash, so the texts are compared too.
std::string short_hash(std::string_view text) {
  const std::uint64_t hash = core::hash_of(text);
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (int shift = 60; shift >= 0; shift -= 4)
    hex += kDigits[(hash >> shift) & 0xF];
  return hex;
}

void remove_or_throw(const fs::path& path) {
  if (const auto problem = core::remove_tree(path)) {
    throw core::Exception(core::Errc::io, *problem);
  }
}

void export_into(const fs::path& folder, Export what, const Exporter& exporter) {
  what.dest = fs::absolute(folder);
  exporter(what);
}

void make_tree(const fs::path& tree, const Export& what, const Exporter& exporter) {
  const fs::path making = tree.string() + std::string(kMaking);
  remove_or_throw(making);  // of a process that died
  fs::create_directory(making);
  export_into(making, what, exporter);
  fs::rename(making, tree);
}

// git takes an index entry for unchanged without reading the file only when the index is younger
// than the file, in whole seconds. The copy is made later than the tree, so "now" is true.
void touch_index(const fs::path& work_tree) {
  const core::UniqueFd folder = core::open_directory(work_tree);
  const core::UniqueFd index = core::open_beneath(folder.get(), ".git/index", O_RDONLY);
  if (index && ::futimens(index.get(), nullptr) != 0) {
    core::throw_errno("setting the time of '.git/index'");
  }
}

// Everything a tree depends on besides its commit.
std::string options_text(const SharedTrees& trees, const Export& what) {
  std::string text = what.ref + '\n' + what.remote_url + '\n' + std::to_string(what.depth) +
                     (what.tags ? " tags\n" : "\n");
  text += what.filter + (what.sparse_mode == SparseMode::cone ? " cone\n" : " patterns\n");
  for (const std::string& folder : what.sparse)
    text += folder + '\n';
  // With all branches or tags in it, the tree is only right while none of them moves.
  if (what.depth == 0 || what.tags) {
    text += core::read_file_if_exists(trees.mirror / "gantry-refs").value_or("");
  }
  return text;
}

void write_options(const core::UniqueFd& fd, const std::string& options) {
  if (::ftruncate(fd.get(), 0) != 0) core::throw_errno("writing the options of a shared tree");
  core::write_all(fd.get(), options);
}

std::uint64_t size_of(const fs::path& folder) {
  std::uint64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file() && !entry.is_symlink()) bytes += entry.file_size();
  }
  return bytes;
}

struct StoredTree {
  fs::path path;
  fs::file_time_type used;
  std::uint64_t bytes = 0;
};

// False when someone is copying it.
bool remove_unused(const StoredTree& tree) {
  const fs::path lock_path = tree.path.string() + std::string(kLock);
  const core::UniqueFd fd = open_lock(lock_path);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return false;
  remove_or_throw(tree.path.string() + std::string(kMaking));
  remove_or_throw(tree.path);
  fs::remove(lock_path);
  return true;
}

}  // namespace

std::string tree_name(const SharedTrees& trees, const Export& what) {
  return what.sha + "-" + short_hash(options_text(trees, what));
}

void give_tree(const SharedTrees& trees, const Export& what, const fs::path& destination,
               const Exporter& exporter) {
  fs::create_directories(trees.folder);
  const std::string options = options_text(trees, what);
  const fs::path tree = trees.folder / (what.sha + "-" + short_hash(options));
  const fs::path lock_path = tree.string() + std::string(kLock);
  core::UniqueFd fd = open_lock(lock_path);
  lock(fd, LOCK_SH);
  while (is_removed(fd) || !fs::exists(tree)) {
    if (is_removed(fd)) fd = open_lock(lock_path);
    lock(fd, LOCK_EX);
    if (!is_removed(fd) && !fs::exists(tree)) {
      write_options(fd, options);
      make_tree(tree, what, exporter);
    }
    lock(fd, LOCK_SH);
  }
  if (core::read_file(lock_path) != options) {
    // Another set of options with the same hash has the name: no sharing.
    const core::TempDir alone(trees.folder);
    export_into(alone.path(), what, exporter);
    copy_tree(alone.path(), destination);
    return;
  }
  if (::futimens(fd.get(), nullptr) != 0) core::throw_errno("noting the use of a shared tree");
  copy_tree(tree, destination);
  touch_index(destination);
}

std::size_t evict_trees(const fs::path& folder, const KeepTrees& keep) {
  if (!fs::exists(folder)) return 0;
  std::vector<StoredTree> stored;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != kLock) continue;
    fs::path tree = entry.path();
    tree.replace_extension();
    const bool is_made = fs::exists(tree);
    if (!is_made && !fs::exists(tree.string() + std::string(kMaking))) continue;
    stored.push_back({tree, entry.last_write_time(), is_made ? size_of(tree) : 0});
  }
  std::sort(stored.begin(), stored.end(),
            [](const StoredTree& a, const StoredTree& b) { return a.used > b.used; });
  std::size_t removed = 0;
  std::size_t kept = 0;
  std::uint64_t bytes = 0;
  for (const StoredTree& tree : stored) {
    const bool is_kept = kept < keep.newest && bytes + tree.bytes <= keep.bytes;
    if (is_kept || !remove_unused(tree)) {
      ++kept;
      bytes += tree.bytes;
    } else {
      ++removed;
    }
  }
  return removed;
}

}  // namespace gantry::daemon::git
