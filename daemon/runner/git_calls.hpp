// SPDX-License-Identifier: MIT
// Calls of gantry-git by a runner: blocking, one at a time, ended by stop() from the loop thread.
#pragma once

#include "daemon/git/client.hpp"
#include "proto/runner_protocol.hpp"

#include <chrono>
#include <memory>
#include <mutex>

namespace gantry::daemon::runner {

class GitCalls {
 public:
  explicit GitCalls(const proto::JobMessage& message) : message_(message) {}
  GitCalls(const GitCalls&) = delete;
  GitCalls& operator=(const GitCalls&) = delete;

  // Options for reading `mirror`; without a source the process reaches no network.
  git::ClientOptions reader(const git::fs::path& mirror) const;

  // Asks a process of its own. Throws core::Exception, cancelled after stop().
  template <class R>
  typename R::Answer call(git::ClientOptions options, const R& request,
                          std::chrono::milliseconds deadline) {
    const Turn turn(*this, std::move(options));
    return turn.client->call(request, deadline);
  }

  void begin();  // of a step: what was stopped is over
  void stop();
  void check_not_stopped() const;

 private:
  struct Turn {
    Turn(GitCalls& of, git::ClientOptions options);
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    GitCalls& calls;
    std::shared_ptr<git::Client> client;  // shared with stop()
  };
  const proto::JobMessage& message_;
  mutable std::mutex mutex_;
  std::shared_ptr<git::Client> current_;
  bool stopped_ = false;
};

}  // namespace gantry::daemon::runner
