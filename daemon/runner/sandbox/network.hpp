// SPDX-License-Identifier: MIT
// Network::internet: slirp4netns for one sandbox, with private networks and this host's addresses
// made unreachable before the first packet can leave.
#pragma once

#include "core/base/unique_fd.hpp"
#include "daemon/os/child.hpp"

#include <sys/types.h>

#include <filesystem>
#include <string>

namespace gantry::daemon::runner {

class InternetAccess {
 public:
  InternetAccess() = default;
  // `pid`: a process in the sandbox. Blocks for the routes (about 2 ms), not for slirp4netns.
  // Throws core::Exception.
  InternetAccess(pid_t pid, const std::filesystem::path& agent, const std::string& slirp4netns);

  // Readable when it is ready or has failed; then take_result() says which.
  int ready_fd() const { return ready_.get(); }
  // Empty: ready. Otherwise why not.
  std::string take_result();
  // To be drained, it never ends before slirp4netns does.
  int log_fd() const { return log_.get(); }

 private:
  void block_routes(pid_t pid, const std::filesystem::path& agent);

  os::Child guide_;  // in the sandbox's namespaces; until slirp4netns has found its way in
  core::UniqueFd guide_stay_;
  os::Child slirp_;
  core::UniqueFd ready_;
  core::UniqueFd log_;
  core::UniqueFd exit_;  // closed, by us or by our death, it ends slirp4netns
};

}  // namespace gantry::daemon::runner
