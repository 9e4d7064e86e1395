// SPDX-License-Identifier: MIT
// A job's sandbox as data, and its translation to bubblewrap's arguments. Pure: what the host
// looks like comes in as HostRoot (gathered by daemon/runner/sandbox/host_root).
#pragma once

#include "core/base/result.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace gantry::core::run {

struct Mount {
  enum class Kind { read_only, read_write, tmpfs, folder, symlink, file, proc, dev };
  Kind kind = Kind::read_only;
  std::string source;  // host path; symlink: its target; file: the content (read-only file)
  std::string target;  // absolute path inside
  bool operator==(const Mount&) const = default;
};

enum class Network { none, internet, host };

struct SandboxLimits {
  std::uint64_t memory_bytes = 0;  // 0: no limit
  std::uint32_t pids = 0;
  std::uint32_t cpu_percent = 0;  // 100 is one whole CPU
  bool operator==(const SandboxLimits&) const = default;
};

enum class NestedNamespaces { forbidden, allowed };

struct SandboxSpec {
  std::vector<Mount> mounts;  // in this order
  std::uint32_t uid = 1001;
  std::uint32_t gid = 1001;
  std::string hostname = "gantry";
  std::string cwd = "/";
  Network network = Network::none;
  SandboxLimits limits;
  NestedNamespaces nested = NestedNamespaces::forbidden;
  bool operator==(const SandboxSpec&) const = default;
};

// The parts of a host that the default root shows to jobs. Only what exists.
struct HostRoot {
  struct Link {
    std::string path;    // "/bin"
    std::string target;  // "usr/bin"
  };
  std::vector<Link> links;           // /bin, /lib… on a merged-usr host
  std::vector<std::string> folders;  // /usr, and /bin, /lib… where they are real folders
  std::vector<std::string> etc;      // folders and large files of /etc that hold no secrets
  struct Copy {
    std::string path;
    std::string content;
  };
  std::vector<Copy> copies;         // small files of /etc: cheaper than a mount
  std::string etc_folder;           // has copies, links and own_etc_files() ready; may be empty
  std::vector<std::string> masked;  // files of /proc that tell of the kernel or the host
};

// Names below /etc a job may read, when they exist. Never the whole of /etc.
const std::vector<std::string>& shareable_etc_names();

struct HostRootOptions {
  std::string home;                    // host folder, becomes /home/runner (read-write)
  std::string tmp;                     // host folder, becomes /tmp (read-write)
  std::string actions;                 // host folder, read-only at kSandboxActions; may be empty
  std::vector<std::string> read_only;  // more host folders, at their own path ("/opt")
  std::string resolv_conf;             // content; empty: no name service
  std::string hostname = "gantry";
  Network network = Network::none;
  SandboxLimits limits;
};

inline constexpr const char* kSandboxHome = "/home/runner";
inline constexpr const char* kSandboxActions = "/home/runner/work/_actions";
inline constexpr const char* kInternetDns = "100.100.2.3";  // slirp4netns's resolver

// Files of /etc that every sandbox gets in place of the host's. They do not depend on its folders.
std::vector<HostRoot::Copy> own_etc_files(const HostRootOptions& options);

// Host programs read-only, HOME and /tmp from the job's folder. The workspace lies at
// /home/runner/work/<repo>/<repo> and the runner's temp folder at /home/runner/work/_temp.
SandboxSpec host_root_sandbox(const HostRoot& host, const HostRootOptions& options);

// Descriptor numbers as bubblewrap will see them; -1: not used.
struct SandboxFds {
  std::vector<int> files;  // one for each Mount::Kind::file, in order, positioned at 0
  int seccomp = -1;
  int info = -1;
};

// bwrap's arguments without "bwrap" itself; `command` runs as pid 1 of the sandbox. Refuses
// relative targets, ".." and a number of fds that does not match.
Result<std::vector<std::string>> bwrap_arguments(const SandboxSpec& spec, const SandboxFds& fds,
                                                 const std::vector<std::string>& command);

}  // namespace gantry::core::run
