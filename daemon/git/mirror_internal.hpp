// SPDX-License-Identifier: MIT
// gantry-git's side of the protocol: one function per verb, on the one mirror this process serves.
#pragma once

#include "core/base/unique_fd.hpp"
#include "daemon/git/libgit2_internal.hpp"
#include "daemon/git/protocol.hpp"
#include "daemon/git/watchdog.hpp"

#include <filesystem>
#include <functional>
#include <set>
#include <string>

namespace gantry::daemon::git {

namespace fs = std::filesystem;

class Mirror {
 public:
  Mirror(fs::path path, Watchdog& watchdog) : path_(std::move(path)), watchdog_(watchdog) {}
  const fs::path& path() const { return path_; }
  Watchdog& watchdog() { return watchdog_; }

  // The repository; not_found when nothing has been fetched into it.
  git_repository* repository();

  // Makes the repository when absent or half made, and removes what a killed fetch left behind.
  // The caller holds the lock.
  void prepare();
  void close() { repository_.reset(); }  // opened anew when next asked for

 private:
  fs::path path_;
  Watchdog& watchdog_;
  RepositoryHandle repository_;
};

// Only one process changes a mirror at a time. Also says, by a file, that a change is going on: one
// that is found there when the lock is free was left by a process that died.
class MirrorLock {
 public:
  explicit MirrorLock(const fs::path& mirror);
  ~MirrorLock();
  MirrorLock(const MirrorLock&) = delete;
  MirrorLock& operator=(const MirrorLock&) = delete;
  bool predecessor_died() const { return predecessor_died_; }

 private:
  fs::path marker_;
  core::UniqueFd lock_;
  bool predecessor_died_ = false;
};

// Packs are removed only while nobody exports: an export copies packs by their names.
class PacksLock {
 public:
  enum class Mode { exporting, removing };
  PacksLock(const fs::path& mirror, Mode mode);

 private:
  core::UniqueFd lock_;
};

// Throws not_found naming the sha when the mirror does not have the commit.
CommitHandle find_commit(Mirror& mirror, std::string_view sha);

using RefNames = std::set<std::string, std::less<>>;
// For the holder of the lock. Each ref is a file of its own until they are packed.
void remove_refs(Mirror& mirror, const RefNames& gone);
void pack_refs(Mirror& mirror);

RefList run(Mirror& mirror, const Fetch& request);
Ensured run(Mirror& mirror, const Ensure& request);
Commit run(Mirror& mirror, const Resolve& request);
FileList run(Mirror& mirror, const ReadFiles& request);
File run(Mirror& mirror, const ReadFile& request);
Difference run(Mirror& mirror, const Diff& request);
Exported run(Mirror& mirror, const Export& request);
SubmoduleList run(Mirror& mirror, const FindSubmodules& request);
Repacked run(Mirror& mirror, const Repack& request);

}  // namespace gantry::daemon::git
