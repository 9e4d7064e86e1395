// SPDX-License-Identifier: MIT
#include "daemon/runner/hash_files.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "daemon/runner/path_pattern.hpp"
#include "daemon/runner/sha256.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

namespace gantry::daemon::runner {
namespace {

using core::Errc;
using core::Exception;
using std::chrono::steady_clock;

constexpr std::size_t kDeepest = 200;  // links may form circles
constexpr std::string_view kFollowOption = "--follow-symbolic-links";

enum class Links { skip, follow };

// Like core::open_beneath, but goes through links that stay below the folder.
core::UniqueFd open_through_links(int folder, const std::string& relative) {
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  const long fd = ::syscall(SYS_openat2, folder, relative.c_str(), &how, sizeof how);
  if (fd >= 0) return core::UniqueFd(static_cast<int>(fd));
  if (errno == EXDEV) {
    throw Exception(Errc::denied, "hashing '" + relative + "': it leads out of the workspace");
  }
  core::throw_errno("hashing '" + relative + "'");
}

std::vector<std::string> names_in(core::UniqueFd folder) {
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(folder.get()), ::closedir);
  if (!stream) core::throw_errno("listing a folder of the workspace");
  (void)folder.release();
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

class Walk {
 public:
  Walk(const Workspace& workspace, std::vector<PathPattern> patterns, Links links)
      : workspace_(workspace),
        base_(path_segments(workspace.path)),
        patterns_(std::move(patterns)),
        links_(links),
        give_up_at_(steady_clock::now() + workspace.time_limit) {}

  std::string run() {
    for (const auto& root : search_roots())
      visit(root);
    return any_ ? to_hex(all_.finish()) : std::string();
  }

 private:
  // Below the workspace, in the patterns' order, none inside another.
  std::vector<std::vector<std::string>> search_roots() const {
    std::vector<std::vector<std::string>> candidates;
    for (const PathPattern& pattern : patterns_) {
      if (pattern.sign == PathPattern::Sign::include) candidates.push_back(pattern.search_root());
    }
    const auto is_below = [](const auto& inner, const auto& outer) {
      return inner.size() > outer.size() && std::equal(outer.begin(), outer.end(), inner.begin());
    };
    std::vector<std::vector<std::string>> roots;
    for (auto& root : candidates) {
      const bool covered = std::any_of(candidates.begin(), candidates.end(),
                                       [&](const auto& other) { return is_below(root, other); });
      std::vector<std::string> start = is_below(base_, root) ? base_ : root;
      if (covered || std::find(roots.begin(), roots.end(), start) != roots.end()) continue;
      if (start == base_ || is_below(start, base_)) roots.push_back(std::move(start));
    }
    return roots;
  }

  struct Verdict {
    bool file = false;
    bool below = false;
  };
  Verdict judge(const std::vector<std::string>& path) const {
    Verdict verdict;
    for (const PathPattern& pattern : patterns_) {
      const bool include = pattern.sign == PathPattern::Sign::include;
      if (pattern.matches(path)) {
        if (pattern.reach == PathPattern::Reach::everything) verdict.file = include;
        if (include) verdict.below = true;
      } else if (include && pattern.may_match_below(path)) {
        verdict.below = true;
      }
    }
    return verdict;
  }

  std::string relative(const std::vector<std::string>& path) const {
    std::string text;
    for (std::size_t i = base_.size(); i < path.size(); ++i) {
      text += (text.empty() ? "" : "/") + path[i];
    }
    return text.empty() ? "." : text;
  }

  void check_time() const {
    if (workspace_.stopped != nullptr && *workspace_.stopped) {
      throw Exception(Errc::cancelled, "hashing files: the job was cancelled");
    }
    if (steady_clock::now() <= give_up_at_) return;
    throw Exception(Errc::timed_out, "hashing files: not done within " +
                                         std::to_string(workspace_.time_limit.count() / 1000) +
                                         " s");
  }

  void visit(const std::vector<std::string>& path) {
    const Verdict verdict = judge(path);
    if (!verdict.file && !verdict.below) return;
    if (path.size() > base_.size() + kDeepest) {
      throw Exception(Errc::too_large, "hashing '" + relative(path) + "': folders lie too deep");
    }
    check_time();
    const std::string name = relative(path);
    struct stat status {};
    if (::fstatat(workspace_.folder_fd, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT || errno == ENOTDIR) return;
      core::throw_errno("hashing '" + name + "'");
    }
    if (S_ISLNK(status.st_mode)) return visit_link(path, name, verdict);
    if (S_ISDIR(status.st_mode)) {
      core::UniqueFd folder =
          core::open_beneath(workspace_.folder_fd, name, O_RDONLY | O_DIRECTORY);
      if (folder) visit_children(path, std::move(folder));
    } else if (verdict.file) {
      if (S_ISREG(status.st_mode)) add_file(open_through_links(workspace_.folder_fd, name), name);
    }
  }

  void visit_link(const std::vector<std::string>& path, const std::string& name,
                  const Verdict& verdict) {
    core::UniqueFd target = open_through_links(workspace_.folder_fd, name);
    struct stat status {};
    if (::fstat(target.get(), &status) != 0) core::throw_errno("hashing '" + name + "'");
    if (S_ISDIR(status.st_mode)) {
      if (links_ == Links::follow) visit_children(path, std::move(target));
    } else if (verdict.file && S_ISREG(status.st_mode)) {
      add_file(std::move(target), name);
    }
  }

  void visit_children(const std::vector<std::string>& path, core::UniqueFd folder) {
    std::vector<std::string> child = path;
    child.emplace_back();
    for (std::string& name : names_in(std::move(folder))) {
      child.back() = std::move(name);
      visit(child);
    }
  }

  void add_file(core::UniqueFd file, const std::string& name) {
    Sha256 one;
    buffer_.resize(256 << 10);
    for (;;) {
      check_time();  // a file may be endless: sparse, or written faster than it is read
      const ssize_t count = ::read(file.get(), buffer_.data(), buffer_.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) core::throw_errno("hashing '" + name + "'");
      if (count == 0) break;
      one.update({buffer_.data(), static_cast<std::size_t>(count)});
    }
    const auto digest = one.finish();
    all_.update({reinterpret_cast<const char*>(digest.data()), digest.size()});
    any_ = true;
  }

  const Workspace& workspace_;
  std::vector<std::string> base_;
  std::vector<PathPattern> patterns_;
  Links links_;
  steady_clock::time_point give_up_at_;
  Sha256 all_;
  bool any_ = false;
  std::string buffer_;
};

}  // namespace

core::Result<std::string> hash_files(const Workspace& workspace,
                                     std::span<const std::string> arguments) {
  Links links = Links::skip;
  if (!arguments.empty() && arguments.front() == kFollowOption) {
    links = Links::follow;
    arguments = arguments.subspan(1);
  }
  std::string lines;
  for (const std::string& argument : arguments)
    lines += argument + '\n';
  try {
    Walk walk(workspace, parse_path_patterns(lines, workspace.path, workspace.home), links);
    return walk.run();
  } catch (const Exception& exception) {
    return core::fail(exception.error());  // an expression's error, not the runner's
  }
}

}  // namespace gantry::daemon::runner
