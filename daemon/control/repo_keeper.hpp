// SPDX-License-Identifier: MIT
// Keeps what repositories take on disk within bounds: shared trees beyond the newest go, mirrors of
// many packs are put together while no run of theirs is under way. Loop thread only.
#pragma once

#include "daemon/control/conductor.hpp"
#include "daemon/control/git_pool.hpp"

namespace gantry::daemon::control {

class RepoKeeper {
 public:
  RepoKeeper(async::Runtime& runtime, Conductor& conductor, GitPool& git, storage::Layout layout)
      : runtime_(runtime), conductor_(conductor), git_(git), layout_(std::move(layout)) {}

  async::Task<> keep_tidy();  // soon after the start, then every now and then

 private:
  async::Task<> tidy(storage::Repository repo);

  async::Runtime& runtime_;
  Conductor& conductor_;
  GitPool& git_;
  storage::Layout layout_;
};

}  // namespace gantry::daemon::control
