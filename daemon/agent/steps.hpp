// SPDX-License-Identifier: MIT
// The step processes of the agent: started by vfork, each in a session of its own, reaped with
// everything else that ends in the pid namespace.
#pragma once

#include "proto/agent_frames.hpp"

#include <sys/types.h>

#include <optional>
#include <vector>

namespace gantry::daemon::agent {

class Steps {
 public:
  Steps();
  Steps(const Steps&) = delete;
  Steps& operator=(const Steps&) = delete;

  // `fds`: request.descriptors of them; they stay the caller's. Gives Started or SetupFailed.
  proto::agent::Reply start(const proto::agent::Start& request, const int* fds);
  void signal(const proto::agent::Signal& request) const;
  // One ended child; step 0 for those that were no step. Nothing: none has ended.
  std::optional<proto::agent::Exited> reap();

 private:
  struct Running {
    std::uint32_t step = 0;
    pid_t pid = -1;
  };
  int null_ = -1;
  std::vector<Running> running_;
};

}  // namespace gantry::daemon::agent
