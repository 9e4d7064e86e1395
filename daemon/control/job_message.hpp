// SPDX-License-Identifier: MIT
// The message a runner gets: everything its job may know, and nothing else.
#pragma once

#include "daemon/control/active.hpp"
#include "daemon/control/programs.hpp"
#include "daemon/control/settings.hpp"
#include "proto/runner_protocol.hpp"
#include "storage/layout.hpp"

#include <string>

namespace gantry::daemon::control {

struct MessageParts {
  const Settings& settings;
  const storage::Layout& layout;
  const Programs& programs;
  std::string github_token;  // "" = none
};

// Runs from forks get no secrets and the network for the untrusted.
proto::JobMessage make_job_message(const ActiveJob& job, const MessageParts& parts,
                                   core::Timestamp now);

// What a job of that offer (index of the config's labels) runs in.
proto::JobSandbox sandbox_for(const Settings& settings, std::size_t offer, storage::Trust trust);

// What the job's token may do: runs from forks only read.
core::workflow::Permissions permissions_of(const ActiveJob& job, const Settings& settings);

std::string runner_name();  // of this machine

}  // namespace gantry::daemon::control
