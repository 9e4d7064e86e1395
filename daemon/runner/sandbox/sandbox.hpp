// SPDX-License-Identifier: MIT
// A running sandbox: one per job, its steps are started inside. Never blocks except in close():
// poll event_fd() for readability (Asio or poll), then call next_event() until it is empty.
// Used from one thread, the one that starts it (the sandbox dies with that thread).
#pragma once

#include "core/run/sandbox_spec.hpp"
#include "daemon/os/cgroup.hpp"
#include "daemon/os/child.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace gantry::daemon::runner {

namespace fs = std::filesystem;

using StepHandle = std::uint32_t;

struct StepRequest {
  std::vector<std::string> argv;  // argv[0] is looked up in the PATH of `env` when without slash
  std::vector<std::string> env;   // NAME=value, the whole environment
  std::string cwd;                // inside the sandbox
  int stdout_fd = -1;             // write ends; still the caller's, who closes them afterwards
  int stderr_fd = -1;             // -1: the same as stdout_fd
};

struct SandboxReady {};
struct StepStarted {
  StepHandle step = 0;
};
struct StepExited {
  StepHandle step = 0;
  os::ExitStatus status;
  std::chrono::microseconds user{};
  std::chrono::microseconds system{};
  std::uint64_t max_rss_bytes = 0;
};
struct StepNotStarted {  // the step never ran; nothing it could have exited with
  StepHandle step = 0;
  int error_number = 0;
  std::string message;
};
// Nothing runs any more; the last event. `message` is empty after close(), otherwise it says why
// in words for the job's log: bubblewrap's own, or that the agent was killed.
struct SandboxEnded {
  enum class Why { closed, setup_failed, died };
  Why why = Why::closed;
  std::string message;
};
using SandboxEvent =
    std::variant<SandboxReady, StepStarted, StepExited, StepNotStarted, SandboxEnded>;

struct SandboxUsage {
  std::optional<std::uint64_t> memory_peak_bytes;
  std::uint64_t oom_kills = 0;
  std::uint64_t forks_refused = 0;  // for the limit of processes
  std::chrono::microseconds cpu{};
};

class Sandbox {
 public:
  virtual ~Sandbox() = default;
  virtual int event_fd() const = 0;
  virtual std::optional<SandboxEvent> next_event() = 0;
  // May be called before SandboxReady: the step starts as soon as it can.
  virtual StepHandle start_step(const StepRequest& request) = 0;
  // To the step's process group. A step that has ended is left alone.
  virtual void signal_step(StepHandle step, int signo) = 0;
  // Every process in the sandbox but the agent, background processes of earlier steps too.
  virtual void kill_all() = 0;
  // Where a socket listening on 127.0.0.1 of the sandbox's network will come in: wait until it is
  // readable, then take_listener().
  virtual core::UniqueFd listen() = 0;
  // By cgroup where there is one, otherwise empty.
  virtual SandboxUsage usage() const = 0;
  // Ends everything and waits for it (milliseconds). Afterwards only the destructor.
  virtual void close() = 0;
};

struct BubblewrapConfig {
  fs::path agent;               // the gantry-agent binary
  std::string bwrap = "bwrap";  // path, or a name looked up in PATH
  std::string slirp4netns = "slirp4netns";
  const os::CgroupTree* cgroups = nullptr;  // not owned, may be null: no limits
  std::string name = "job";                 // of the cgroup; unique on this machine
};

// Throws core::Exception when it cannot even be tried (run as root, no bwrap, no agent); what
// goes wrong later comes as SandboxEnded.
std::unique_ptr<Sandbox> start_bubblewrap(const core::run::SandboxSpec& spec,
                                          const BubblewrapConfig& config);

// The socket that came in at `reply`. Throws core::Exception.
core::UniqueFd take_listener(int reply);

// What of this host the default root shows. The last keeps a copy of the files and small folders
// of /etc below `cache`, made when one of them has changed: a sandbox has one mount for them all.
// Not for more than one thread at a time.
core::run::HostRoot host_root();
void look_at_host_root();  // ahead of need, for all processes forked afterwards
core::run::HostRoot host_root(const core::run::HostRootOptions& options, const fs::path& cache);

// Can jobs have Network::internet here? Empty: yes. Otherwise the reason, for the job's log.
std::string internet_unavailable_reason(const std::string& slirp4netns);

// Content for HostRootOptions::resolv_conf that fits the network.
std::string resolv_conf_for(core::run::Network network);

}  // namespace gantry::daemon::runner
