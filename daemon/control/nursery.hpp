// SPDX-License-Identifier: MIT
// Starts gantry-runners: forked from one that is executed and initialised once, see
// daemon/runner/nursery.hpp, or executed where that does not work. Throws core::Exception.
#pragma once

#include "core/base/files.hpp"
#include "core/base/unique_fd.hpp"
#include "daemon/os/child.hpp"

#include <optional>

namespace gantry::daemon::control {

class Nursery {
 public:
  explicit Nursery(core::fs::path runner) : runner_(std::move(runner)) {}
  struct Runner {
    os::Child child;  // in a session of its own
    core::UniqueFd to_stdin;
  };
  Runner start_runner();  // takes a fraction of a millisecond
  void close();

 private:
  os::Child execute(const core::UniqueFd& input, std::optional<std::string> argument) const;
  void open();
  os::Child fork_runner(const core::UniqueFd& input);

  core::fs::path runner_;
  os::Child process_;
  core::UniqueFd socket_;
  bool is_usable_ = true;  // until it fails: nobody waits for it twice
};

}  // namespace gantry::daemon::control
