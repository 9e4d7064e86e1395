// SPDX-License-Identifier: MIT
#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "daemon/runner/sandbox/sandbox.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <functional>
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
  struct stat info {};
};

bool is_small_file(const std::string& path, struct stat& info) {
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && info.st_size <= (128 << 10) &&
         is_readable(path);
}

struct Looked {
  core::run::HostRoot host;
  std::vector<EtcEntry> entries;
};

Looked look_at_host() {
  Looked looked;
  core::run::HostRoot& host = looked.host;
  for (const char* path : {"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"}) {
    const std::string target = link_target(path);
    if (!target.empty()) {
      host.links.push_back({path, target});
    } else if (is_folder(path)) {
      host.folders.emplace_back(path);
    }
  }
  for (const std::string& name : core::run::shareable_etc_names()) {
    EtcEntry entry{"/etc/" + name, link_target("/etc/" + name)};
    // A link into /usr stays one: cheaper than a mount, and it cannot lead to anything hidden.
    const bool stays = entry.target.starts_with("/usr/") || entry.target.starts_with("../usr/");
    if (!stays) entry.target.clear();
    if (stays || is_small_file(entry.path, entry.info)) {
      looked.entries.push_back(std::move(entry));
    } else if (is_readable(entry.path)) {
      host.etc.push_back(entry.path);
    }
  }
  for (const char* path :
       {"/proc/cmdline", "/proc/kallsyms", "/proc/keys", "/proc/sched_debug", "/proc/timer_list"}) {
    if (is_readable(path)) host.masked.emplace_back(path);
  }
  return looked;
}

// Everything its content follows from, the files' own by their number, size and time.
std::string name_of(const Looked& looked, const std::vector<core::run::HostRoot::Copy>& own) {
  std::string text;
  for (const EtcEntry& entry : looked.entries) {
    text += entry.path + '>' + entry.target + '|' + std::to_string(entry.info.st_ino) + '|' +
            std::to_string(entry.info.st_size) + '|' + std::to_string(entry.info.st_mtim.tv_sec) +
            '.' + std::to_string(entry.info.st_mtim.tv_nsec) + '\n';
  }
  for (const std::string& path : looked.host.etc)
    text += path + '\n';
  for (const auto& file : own)
    text += file.path + '=' + file.content + '\n';
  return "etc-" + std::to_string(std::hash<std::string>()(text));
}

void make_etc(const fs::path& at, const Looked& looked,
              const std::vector<core::run::HostRoot::Copy>& own) {
  const auto inside = [&](const std::string& path) {
    fs::path place = at / fs::path(path).lexically_relative("/etc");
    fs::create_directories(place.parent_path());
    return place;
  };
  for (const EtcEntry& entry : looked.entries) {
    if (!entry.target.empty()) {
      fs::create_symlink(entry.target, inside(entry.path));
    } else {
      core::write_file_atomic(inside(entry.path), core::read_file(entry.path));
    }
  }
  for (const auto& file : own)
    core::write_file_atomic(inside(file.path), file.content);
  for (const std::string& path : looked.host.etc)
    fs::create_directories(inside(path));  // to mount on
  fs::permissions(at, fs::perms(0755));
}

}  // namespace

core::run::HostRoot host_root() {
  Looked looked = look_at_host();
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
  Looked looked = look_at_host();
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
  looked.host.etc_folder = folder.string();
  return std::move(looked.host);
}

}  // namespace gantry::daemon::runner
