// SPDX-License-Identifier: MIT
// Runs gantry-git, confined by bubblewrap, and asks it. Used by gantryd (one Client per repository,
// kept while active) and gantry-runner (one for an export). Safe from any thread; calls of one
// Client follow each other. All functions throw core::Exception.
#pragma once

#include "core/base/unique_fd.hpp"
#include "daemon/git/protocol.hpp"

#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace gantry::daemon::git {

namespace fs = std::filesystem;

enum class Confinement {
  required,  // refuse when bubblewrap cannot make a sandbox here
  none,      // the operator chose to run without (config `git.confine: false`)
};

enum class MirrorAccess { read_write, read_only };

struct ClientOptions {
  fs::path program;  // gantry-git
  fs::path mirror;   // created when absent and read_write
  MirrorAccess access = MirrorAccess::read_write;
  Confinement confinement = Confinement::required;
  // What the process may reach: a local source and the ssh files are bound read-only; the network
  // only for a remote url. Empty url: neither.
  Source source;
  // In place of the machine's names: the process finds the hosts in this file and no others.
  fs::path hosts_file;
  fs::path export_to;  // the one more folder it may write; may be empty
  fs::path bubblewrap = "/usr/bin/bwrap";
};

class Client {
 public:
  explicit Client(ClientOptions options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Asks and waits. Errc::timed_out at the deadline and Errc::unavailable when the process ends in
  // the middle: both mean the process is gone and the next call starts a new one.
  template <class R>
  typename R::Answer call(const R& request, std::chrono::milliseconds deadline) {
    return std::get<typename R::Answer>(exchange(Request(request), deadline));
  }

  // Lets the process go when it has answered nothing for `idle`. Never waits for a running call.
  void close_if_idle(std::chrono::milliseconds idle);
  bool is_running();
  // For the end: a running call, whose process is killed, and all later ones throw
  // Errc::unavailable.
  void interrupt();

  // What is executed: bubblewrap's argv, or the program's own with Confinement::none.
  std::vector<std::string> command_line() const;

 private:
  struct Process;
  class Asked;
  Answer exchange(const Request& request, std::chrono::milliseconds deadline);
  std::unique_ptr<Process> start();
  void stop() noexcept;

  ClientOptions options_;
  std::mutex mutex_;
  std::unique_ptr<Process> process_;
  std::mutex asked_mutex_;
  Process* asked_ = nullptr;     // of the running call; guarded by asked_mutex_
  bool is_interrupted_ = false;  // the same
};

// The folder of a local source ('/x', 'file:///x'); empty for a remote one.
fs::path local_folder(const Source& source);

}  // namespace gantry::daemon::git
