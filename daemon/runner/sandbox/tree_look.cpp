// SPDX-License-Identifier: MIT
#include "daemon/runner/sandbox/tree_look.hpp"

#include <unistd.h>

#include <climits>
#include <cstdint>
#include <utility>

namespace gantry::daemon::runner {

namespace {

constexpr std::size_t kMostEntries = 4000;
constexpr std::uint64_t kMostBytes = 4 << 20;

bool is_same(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

std::string text_of(const timespec& time) {
  return std::to_string(time.tv_sec) + '.' + std::to_string(time.tv_nsec);
}

class Look {
 public:
  // False: too large.
  bool add_folder(const fs::path& folder) {
    tree_.folders.push_back(folder);
    tree_.facts.push_back(fact_of(folder));
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
      if (++entries_ > kMostEntries || !add(*entry)) return false;
    }
    return true;
  }

  Tree take() { return std::move(tree_); }

 private:
  bool add(const fs::directory_entry& entry) {
    const fs::path& path = entry.path();
    if (entry.is_symlink(ignored_)) {
      const fs::path target = fs::read_symlink(path, ignored_);
      if (!target.empty()) tree_.links.push_back({path, target.string()});
      return true;
    }
    if (entry.is_directory(ignored_)) {
      if (::access(path.c_str(), R_OK | X_OK) == 0) return add_folder(path);
      tree_.facts.push_back(fact_of(path));
      return true;
    }
    tree_.facts.push_back(fact_of(path));
    const struct stat& info = tree_.facts.back().info;
    if (!S_ISREG(info.st_mode) || ::access(path.c_str(), R_OK) != 0) return true;
    tree_.files.push_back(path);
    bytes_ += static_cast<std::uint64_t>(info.st_size);
    return bytes_ <= kMostBytes;
  }

  Tree tree_;
  std::size_t entries_ = 0;
  std::uint64_t bytes_ = 0;
  std::error_code ignored_;  // what vanishes meanwhile changes its folder, see still_holds()
};

}  // namespace

Fact fact_of(std::string path) {
  Fact fact{std::move(path)};
  if (::lstat(fact.path.c_str(), &fact.info) != 0) fact.info = {};
  return fact;
}

bool still_holds(const Fact& fact) {
  const struct stat now = fact_of(fact.path).info;
  const struct stat& then = fact.info;
  return now.st_dev == then.st_dev && now.st_ino == then.st_ino && now.st_size == then.st_size &&
         now.st_mode == then.st_mode && is_same(now.st_mtim, then.st_mtim) &&
         is_same(now.st_ctim, then.st_ctim);
}

std::string to_text(const Fact& fact) {
  const struct stat& info = fact.info;
  return fact.path + '|' + std::to_string(info.st_dev) + '|' + std::to_string(info.st_ino) + '|' +
         std::to_string(info.st_mode) + '|' + std::to_string(info.st_size) + '|' +
         text_of(info.st_mtim) + '|' + text_of(info.st_ctim) + '\n';
}

std::optional<Tree> look_at_tree(const fs::path& folder) {
  Look look;
  if (!S_ISDIR(fact_of(folder).info.st_mode) || !look.add_folder(folder)) return std::nullopt;
  return look.take();
}

}  // namespace gantry::daemon::runner
