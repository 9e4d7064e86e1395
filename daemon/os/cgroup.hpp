// SPDX-License-Identifier: MIT
// Resource limits of jobs by control groups: v2 (a delegated subtree) or v1 (whichever of memory,
// pids, cpu and freezer we may write), or none with the reason. One CgroupTree per process; used
// from one thread. Throws core::Exception where a group that should work does not.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::daemon::os {

namespace fs = std::filesystem;

struct CgroupLimits {
  std::uint64_t memory_bytes = 0;  // memory and swap together; 0: no limit
  std::uint32_t pids = 0;
  std::uint32_t cpu_percent = 0;  // 100 is one whole CPU
};

struct CgroupStats {
  std::optional<std::uint64_t> memory_peak_bytes;  // v2 needs Linux 5.19
  std::uint64_t oom_kills = 0;
  std::uint64_t forks_refused = 0;  // for the limit of processes
  std::uint64_t cpu_usec = 0;
};

enum class CgroupVersion { none, v1, v2 };
std::string_view to_string(CgroupVersion version);

// One job's group. Move-only; destroyed, it kills what is inside and removes the group.
class Cgroup {
 public:
  Cgroup() = default;
  Cgroup(Cgroup&& other) noexcept { *this = std::move(other); }
  Cgroup& operator=(Cgroup&& other) noexcept;
  Cgroup(const Cgroup&) = delete;
  Cgroup& operator=(const Cgroup&) = delete;
  ~Cgroup() { destroy(); }

  explicit operator bool() const { return !folders_.empty(); }
  // Children made by it afterwards are members too.
  void add(pid_t pid) const;
  // SIGKILL to every member, those born meanwhile included. v1 without a freezer: does nothing,
  // the end of the sandbox's pid namespace has to do.
  void kill_all() const noexcept;
  bool is_empty() const noexcept;
  CgroupStats stats() const noexcept;
  // kill_all, waits up to two seconds for the last member, removes the folders. False: still there.
  bool destroy() noexcept;

 private:
  friend class CgroupTree;
  const fs::path* folder_of(std::string_view controller) const;

  struct Folder {
    std::string controller;  // empty for v2
    fs::path path;
  };
  CgroupVersion version_ = CgroupVersion::none;
  std::vector<Folder> folders_;
};

class CgroupTree {
 public:
  // What /proc/self/cgroup and /proc/self/mountinfo say, and what we may write there.
  static CgroupTree discover();
  // The same from texts, with the mount points below `root`; for tests.
  static CgroupTree discover_in(const fs::path& root, std::string_view cgroup_text,
                                std::string_view mountinfo_text);

  CgroupVersion version() const { return version_; }
  // The limits that can be kept here: of "memory", "pids", "cpu".
  const std::vector<std::string>& controllers() const { return controllers_; }
  bool has(std::string_view controller) const;
  // Why not all of them, with what to do; empty when all work.
  const std::string& reason() const { return reason_; }

  // v2 only, otherwise nothing: moves every process of the delegated group into the leaf
  // "gantry-daemon", then switches the controllers on for the groups beside it. Idempotent. The
  // daemon calls it once at start; the runners it starts are born in the leaf and find the tree.
  // Where that does not work, the version becomes none and reason() says why.
  void prepare_delegation();

  // A new group; an old one of that name is emptied and reused. Limits without a controller
  // are not set: compare controllers() first. With version none: an empty Cgroup.
  Cgroup create(const std::string& name, const CgroupLimits& limits) const;
  // Kills what is in the group of that name and removes it, where there is one.
  void remove(const std::string& name) const noexcept;

 private:
  Cgroup existing(const std::string& name) const;
  void find_v2(const fs::path& folder);
  void say_what_is_missing();

  CgroupVersion version_ = CgroupVersion::none;
  std::vector<std::string> controllers_;
  std::string reason_;
  std::vector<Cgroup::Folder> parents_;
};

}  // namespace gantry::daemon::os
