// SPDX-License-Identifier: MIT
// Files by the paths a job knows them under, and what a problem matcher's file is in the job's
// repository. Nothing is reached through a link or outside of the folders the job has.
#pragma once

#include "core/base/unique_fd.hpp"
#include "core/run/problem_matcher.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace gantry::daemon::runner {

namespace fs = std::filesystem;

class InsideFiles {
 public:
  // `workspace` as the job sees it; `urls`: what `url = ` of a checkout of the job's repository is.
  InsideFiles(std::string workspace, std::vector<std::string> urls)
      : workspace_(std::move(workspace)), urls_(std::move(urls)) {}

  // A folder of the host and where the job sees it; of several that fit the last added counts.
  void add(fs::path inside, fs::path host);

  // Absolute, or from the workspace. Throws core::Exception when it cannot be read, is no plain
  // file or is too large.
  std::string read(const fs::path& file, std::uint64_t limit_bytes) const;

  // The file a problem is about, from the top of the repository; "" when it is not in there.
  std::string in_repository(const core::run::Problem& problem);

 private:
  core::UniqueFd open(const fs::path& absolute) const;  // empty: there is none
  std::string repository_of(const fs::path& folder);
  bool is_checkout(const fs::path& folder, bool& has_config) const;

  std::string workspace_;
  std::vector<std::string> urls_;
  std::vector<std::pair<fs::path, fs::path>> folders_;
  std::unordered_map<std::string, std::string> repositories_;  // by folder; "" = none
};

}  // namespace gantry::daemon::runner
