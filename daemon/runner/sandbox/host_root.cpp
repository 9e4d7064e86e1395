// SPDX-License-Identifier: MIT
#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "daemon/runner/sandbox/sandbox.hpp"
#include "daemon/runner/sandbox/tree_look.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace gantry::daemon::runner {

namespace {

std::string link_target(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t n = ::readlink(path.c_str(), target, sizeof target);
  return n > 0 ? std::string(target, static_cast<std::size_t>(n)) : std::string();
}

bool is_folder(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

bool is_readable(const std::string& path) {
  return ::access(path.c_str(), R_OK) == 0;
}

// A link into /usr, or a small file: both can be made again elsewhere.
struct EtcEntry {
  std::string path;
  std::string target;  // of the link
};

struct Looked {
  core::run::HostRoot host;  // without the entries
  std::vector<EtcEntry> entries;
  std::vector<Tree> trees;  // folders of /etc small enough to be copied
  std::vector<Fact> facts;  // while they hold, all this does
  std::string text;         // of the facts
};

bool is_small_file(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && info.st_size <= (128 << 10) &&
         is_readable(path);
}

void look_at_etc(const std::string& path, Looked& looked) {
  looked.facts.push_back(fact_of(path));
  std::string target = link_target(path);
  // A link into /usr stays one: cheaper than a mount, and it cannot lead to anything hidden.
  if (target.starts_with("/usr/") || target.starts_with("../usr/")) {
    looked.entries.push_back({path, std::move(target)});
    return;
  }
  std::error_code none;
  if (!target.empty()) looked.facts.push_back(fact_of(fs::canonical(path, none).string()));
  if (is_small_file(path)) {
    looked.entries.push_back({path, {}});
  } else if (auto tree = look_at_tree(path); tree && is_readable(path)) {
    looked.facts.insert(looked.facts.end(), tree->facts.begin(), tree->facts.end());
    looked.trees.push_back(std::move(*tree));
  } else if (is_readable(path)) {
    looked.host.etc.push_back(path);
  }
}

Looked look_at_host() {
  Looked looked;
  core::run::HostRoot& host = looked.host;
  for (const char* path : {"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"}) {
    looked.facts.push_back(fact_of(path));
    const std::string target = link_target(path);
    if (!target.empty()) {
      host.links.push_back({path, target});
    } else if (is_folder(path)) {
      host.folders.emplace_back(path);
    }
  }
  for (const std::string& name : core::run::shareable_etc_names())
    look_at_etc("/etc/" + name, looked);
  for (const char* path :
       {"/proc/cmdline", "/proc/kallsyms", "/proc/keys", "/proc/sched_debug", "/proc/timer_list"}) {
    if (is_readable(path)) host.masked.emplace_back(path);
  }
  for (const Fact& fact : looked.facts)
    looked.text += to_text(fact);
  return looked;
}

// The host as it is now. A look at it costs many times what asking whether it still holds does.
const Looked& host_now() {
  static std::optional<Looked> last;
  if (!last || !std::all_of(last->facts.begin(), last->facts.end(), still_holds)) {
    last.emplace(look_at_host());
  }
  return *last;
}

// Everything its content follows from.
std::string name_of(const Looked& looked, const std::vector<core::run::HostRoot::Copy>& own) {
  std::string text = looked.text;
  for (const auto& file : own)
    text += file.path + '=' + file.content + '\n';
  return "etc-" + std::to_string(std::hash<std::string>()(text));
}

void make_etc(const fs::path& at, const Looked& looked,
              const std::vector<core::run::HostRoot::Copy>& own) {
  const auto inside = [&](const fs::path& path) {
    fs::path place = at / path.lexically_relative("/etc");
    fs::create_directories(place.parent_path());
    return place;
  };
  const auto copy = [&](const fs::path& path) {
    core::write_file_atomic(inside(path), core::read_file(path));
  };
  for (const EtcEntry& entry : looked.entries) {
    if (entry.target.empty()) {
      copy(entry.path);
    } else {
      fs::create_symlink(entry.target, inside(entry.path));
    }
  }
  for (const Tree& tree : looked.trees) {
    for (const fs::path& folder : tree.folders)
      fs::create_directories(inside(folder));
    for (const fs::path& file : tree.files)
      copy(file);
    for (const Tree::Link& link : tree.links)
      fs::create_symlink(link.target, inside(link.path));
  }
  for (const auto& file : own)
    core::write_file_atomic(inside(file.path), file.content);
  for (const std::string& path : looked.host.etc) {  // to mount on
    if (is_folder(path)) {
      fs::create_directories(inside(path));
    } else {
      core::write_file_atomic(inside(path), "");
    }
  }
  fs::permissions(at, fs::perms(0755));
}

}  // namespace

void look_at_host_root() {
  host_now();
}

core::run::HostRoot host_root() {
  Looked looked = look_at_host();
  for (const Tree& tree : looked.trees)
    looked.host.etc.push_back(tree.folders.front().string());
  for (const EtcEntry& entry : looked.entries) {
    if (entry.target.empty()) {
      looked.host.copies.push_back({entry.path, core::read_file(entry.path)});
    } else {
      looked.host.links.push_back({entry.path, entry.target});
    }
  }
  return std::move(looked.host);
}

core::run::HostRoot host_root(const core::run::HostRootOptions& options, const fs::path& cache) {
  // What else is to be mounted there has no place in a folder made before.
  for (const std::string& path : options.read_only) {
    if (path.starts_with("/etc/")) return host_root();
  }
  const Looked& looked = host_now();
  const auto own = core::run::own_etc_files(options);
  const fs::path folder = cache / name_of(looked, own);
  if (!fs::exists(folder)) {
    const core::TempDir work(cache);
    make_etc(work.path() / "etc", looked, own);
    std::error_code error;
    fs::rename(work.path() / "etc", folder, error);
    // Another runner may have been first.
    if (error && !fs::exists(folder)) {
      throw core::Exception(core::Errc::io, "making '" + folder.string() + "': " + error.message());
    }
  }
  core::run::HostRoot host = looked.host;
  host.etc_folder = folder.string();
  return host;
}

}  // namespace gantry::daemon::runner
