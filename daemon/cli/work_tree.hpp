// SPDX-License-Identifier: MIT
// A git work tree as it is now, uncommitted changes included and ignored files not, as a commit in
// a repository of our own. The work tree's repository is only read.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace gantry::daemon::cli {

struct Snapshot {
  std::string sha;      // the commit to run; HEAD itself when nothing was changed
  std::string tree;     // equal for equal contents
  std::string branch;   // "main"; "local" where HEAD is on none
  std::string message;  // of the commit
  std::string name;     // owner/name of the remote 'origin', else local/<folder>
};

class WorkTree {
 public:
  // Throws core::Exception when `folder` is in no work tree.
  explicit WorkTree(const std::filesystem::path& folder);

  const std::filesystem::path& top() const { return top_; }
  // Takes the snapshot into the bare repository `into` (made when absent). Blocks; a second call
  // reads changed files only.
  Snapshot snapshot(const std::filesystem::path& into) const;
  // Makes `made` the head of pull request `number`: refs/pull/N/{head,merge} in `into`. Returns the
  // base: the default branch as far as it is known here, else the head's parent.
  std::string make_pull(const std::filesystem::path& into, const Snapshot& made,
                        const std::string& number) const;
  // The tree alone, to see whether anything changed.
  std::string tree(const std::filesystem::path& into) const;

 private:
  std::string git(const std::filesystem::path& repository,
                  const std::vector<std::string>& arguments) const;
  std::string repository_name() const;

  std::filesystem::path top_;
};

}  // namespace gantry::daemon::cli
