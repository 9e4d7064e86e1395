// SPDX-License-Identifier: MIT
#include "daemon/runner/file_hashes.hpp"

namespace gantry::daemon::runner {

core::Result<std::string> FileHashes::compute(const std::vector<std::string>& patterns) const {
  const core::UniqueFd workspace = folder_.open_workspace(".", JobFolder::Create::no);
  if (!workspace) return std::string();
  Workspace where;
  where.folder_fd = workspace.get();
  where.path = folder_.workspace_inside();
  where.home = kInsideHome;
  where.stopped = &stopped_;
  return hash_files(where, patterns);
}

core::Result<std::string> FileHashes::hash(std::vector<std::string> patterns) {
  if (!is_aside_) return compute(patterns);
  if (const auto found = known_.find(patterns); found != known_.end()) return found->second;
  wanted_ = std::move(patterns);
  return core::fail(core::Errc::unavailable, "hashing files: under way");
}

void FileHashes::begin() {
  is_aside_ = true;
  stopped_ = false;
  wanted_.reset();
}

bool FileHashes::end() {
  is_aside_ = false;
  if (!wanted_) known_.clear();  // the next step may find other files
  return wanted_.has_value();
}

}  // namespace gantry::daemon::runner
