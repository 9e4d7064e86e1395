// SPDX-License-Identifier: MIT
// The token a clone or a job of a repository gets: the App's, contents: read on that repository
// alone, or the configured one; none where GitHub cannot give one now.
#pragma once

#include "daemon/control/settings.hpp"
#include "daemon/github/client.hpp"
#include "storage/repos.hpp"
#include "storage/runs.hpp"

#include <string>

namespace gantry::daemon::control {

enum class TokenUse { clone, job };

class GithubTokens {
 public:
  GithubTokens(SettingsHolder& settings, github::GithubClient* client)
      : settings_(settings), client_(client) {}

  // For `job`, an untrusted run gets none of a personal token, which may do more than read.
  async::Task<std::string> token(storage::Repository repo, TokenUse use, storage::Trust trust);

 private:
  SettingsHolder& settings_;
  github::GithubClient* client_;  // null without credentials
};

}  // namespace gantry::daemon::control
