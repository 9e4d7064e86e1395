// SPDX-License-Identifier: MIT
// Shared by the two .cpp files of the supervisor.
#pragma once

#include "daemon/control/supervisor.hpp"
#include "proto/github_signature.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <string_view>

namespace gantry::daemon::control {

// Tokens are random: a keyed hash of one tells nothing of it.
inline std::string token_hash(std::string_view token) {
  return proto::hmac_sha256_hex("gantry one-job token", token);
}

struct Supervisor::Runner {
  explicit Runner(std::shared_ptr<ActiveJob> its_job) : job(std::move(its_job)) {}

  void kill() const {
    ::syscall(SYS_pidfd_send_signal, child ? child.pidfd() : pidfd.get(), SIGKILL, nullptr, 0);
  }

  std::shared_ptr<ActiveJob> job;
  std::string hash;
  os::Child child;       // ours; empty for an adopted one
  core::UniqueFd pidfd;  // of an adopted one
  bool ended = false;
  bool is_cancelled = false;
  std::chrono::steady_clock::time_point patience_ends;  // then it is killed
};

}  // namespace gantry::daemon::control
