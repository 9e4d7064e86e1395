// SPDX-License-Identifier: MIT
// Actions of other repositories, kept by commit so that a job gets one without asking anybody:
//   <folder>/<source>/<owner>/<name>/mirror        bare mirror, fetched by gantry-git
//                                   trees/<sha>    files of a commit, never changed; its time =
//                                                  last used, gone a month later at the next fetch
//                                   refs/<ref>     commit of a branch or tag; its time = last asked
// Shared by all runners of a machine. All functions block and throw core::Exception.
#pragma once

#include "daemon/git/client.hpp"

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace gantry::daemon::runner {

namespace fs = std::filesystem;

struct ActionStoreSettings {
  fs::path folder;
  std::vector<std::string> sources;  // addresses or folders, tried in order; + /owner/name
  std::chrono::seconds refresh{60};  // for so long a branch or tag is where it was
  fs::path git;                      // gantry-git
  git::Confinement confinement = git::Confinement::required;
  std::string token;         // for the one source `token_source`
  std::string token_source;  // "" = none
};

struct StoredAction {
  std::string sha;
  fs::path tree;
  std::string warning;  // for the job's log; "" = none
};

class ActionStore {
 public:
  explicit ActionStore(ActionStoreSettings settings) : settings_(std::move(settings)) {}

  // The files of `repository` (owner/name) at a full sha, branch or tag. Safe from any thread.
  StoredAction get(const std::string& repository, const std::string& ref) const;

 private:
  StoredAction fetch(const std::string& source, const std::string& repository,
                     const std::string& ref) const;
  fs::path place_of(const std::string& source, const std::string& repository) const;

  ActionStoreSettings settings_;
};

}  // namespace gantry::daemon::runner
