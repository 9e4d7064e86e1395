// SPDX-License-Identifier: MIT
// Starts gantry-runners: forked from one that is executed and initialised once, see
// daemon/runner/nursery.hpp, or executed where that does not work. Throws core::Exception.
#pragma once

#include "core/base/files.hpp"
#include "core/base/unique_fd.hpp"
#include "daemon/os/child.hpp"

#include <string>
#include <vector>

namespace gantry::daemon::control {

class Nursery {
 public:
  explicit Nursery(core::fs::path runner) : runner_(std::move(runner)) {}
  struct Runner {
    os::Child child;  // in a session of its own
    core::UniqueFd to_stdin;
  };
  // Takes a fraction of a millisecond. The runner holds the lock (of its folder) as long as it
  // lives.
  Runner start_runner(const core::UniqueFd& lock);
  void close();

 private:
  os::Child execute(std::string role, std::vector<os::FdMapping> fds) const;
  void open();
  os::Child fork_runner(const core::UniqueFd& input, const core::UniqueFd& lock);

  core::fs::path runner_;
  os::Child process_;
  core::UniqueFd socket_;
  int failures_ = 0;  // in a row
};

}  // namespace gantry::daemon::control
