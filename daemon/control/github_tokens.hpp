// SPDX-License-Identifier: MIT
// The tokens clones and jobs of a repository get: the App's, for that repository alone, with
// contents: read to clone and with what the workflow's `permissions` leave for a job. None where
// GitHub cannot give one now.
#pragma once

#include "core/workflow/permissions.hpp"
#include "daemon/control/settings.hpp"
#include "daemon/github/client.hpp"
#include "storage/repos.hpp"

#include <string>

namespace gantry::daemon::control {

class GithubTokens {
 public:
  GithubTokens(SettingsHolder& settings, github::GithubClient* client)
      : settings_(settings), client_(client) {}

  async::Task<std::string> clone_token(storage::Repository repo);
  // A personal token's rights are not ours to narrow: no job ever sees it.
  async::Task<std::string> job_token(storage::Repository repo,
                                     core::workflow::Permissions permissions);
  // Whether `login` is who acts with a job's token: the App's bot. Throws Errc::unavailable while
  // GitHub does not say who that is.
  async::Task<bool> is_job(std::string login);

 private:
  bool has_app(const storage::Repository& repo) const;

  SettingsHolder& settings_;
  github::GithubClient* client_;  // null without credentials
  std::string bot_;               // the App's login, once asked for
};

}  // namespace gantry::daemon::control
