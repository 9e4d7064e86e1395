// SPDX-License-Identifier: MIT
#include "core/base/files.hpp"
#include "daemon/runner/sandbox/sandbox.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <string>
#include <string_view>

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

bool is_small_file(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && info.st_size <= (128 << 10) &&
         is_readable(path);
}

}  // namespace

core::run::HostRoot host_root() {
  core::run::HostRoot host;
  for (const char* path : {"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"}) {
    const std::string target = link_target(path);
    if (!target.empty()) {
      host.links.push_back({path, target});
    } else if (is_folder(path)) {
      host.folders.emplace_back(path);
    }
  }
  for (const std::string& name : core::run::shareable_etc_names()) {
    const std::string path = "/etc/" + name;
    const std::string target = link_target(path);
    // A link into /usr stays one: cheaper than a mount, and it cannot lead to anything hidden.
    if (target.starts_with("/usr/") || target.starts_with("../usr/")) {
      host.links.push_back({path, target});
    } else if (is_small_file(path)) {
      host.copies.push_back({path, core::read_file(path)});
    } else if (is_readable(path)) {
      host.etc.push_back(path);
    }
  }
  for (const char* path :
       {"/proc/cmdline", "/proc/kallsyms", "/proc/keys", "/proc/sched_debug", "/proc/timer_list"}) {
    if (is_readable(path)) host.masked.emplace_back(path);
  }
  return host;
}

}  // namespace gantry::daemon::runner
