// SPDX-License-Identifier: MIT
// Gives the jobs of a run the mirrors they may read with Gantry's rights: their own repository's,
// and for trusted runs those whose config entry says `readable_by`. Loop thread only.
#pragma once

#include "daemon/control/active.hpp"
#include "daemon/control/conductor.hpp"
#include "daemon/control/git_pool.hpp"
#include "daemon/control/github_tokens.hpp"
#include "proto/runner_mirror.hpp"

#include <memory>

namespace gantry::daemon::control {

// Nothing when the run may read it, else why not.
std::optional<core::Error> refusal_to_read(const core::config::Config& config,
                                           std::string_view run_repository, storage::Trust trust,
                                           std::string_view wanted);

class MirrorDesk {
 public:
  MirrorDesk(Conductor& conductor, GitPool& git, GithubTokens& tokens, storage::Layout layout)
      : conductor_(conductor), git_(git), tokens_(tokens), layout_(std::move(layout)) {}

  // Fetches what is asked for when it is not there; a name is always fetched anew.
  async::Task<proto::MirrorResult> find(std::shared_ptr<ActiveRun> run,
                                        proto::MirrorRequest request);

 private:
  async::Task<proto::MirrorAnswer> fetch(storage::Repository repo, proto::MirrorRequest request);
  async::Task<storage::Repository> keep_repository(std::string full_name);

  Conductor& conductor_;
  GitPool& git_;
  GithubTokens& tokens_;
  storage::Layout layout_;
};

}  // namespace gantry::daemon::control
