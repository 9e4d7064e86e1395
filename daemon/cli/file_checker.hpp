// SPDX-License-Identifier: MIT
// Workflow and action files of a work tree: which there are, and what is wrong with each. Reads
// only below the tree's top, follows no links. For gantry validate.
#pragma once

#include "core/base/files.hpp"
#include "core/workflow/lint.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::daemon::cli {

struct CheckedFile {
  std::string name;    // relative to the tree's top, or as it was given
  std::string source;  // the text
  std::vector<core::yaml::Diagnostic> diagnostics;           // sorted
  std::shared_ptr<const core::workflow::Workflow> workflow;  // null: an action, or errors
};

// Reads to the end, or until there is more than any limit of a file.
constexpr std::size_t kMaxFileBytes = std::size_t{8} << 20U;
std::string read_open_file(int fd, std::string_view name);

class FileChecker {
 public:
  // The git work tree around `folder`; without one nothing outside a file is known.
  explicit FileChecker(const core::fs::path& folder);

  const core::fs::path& top() const { return top_; }  // empty: none
  // .github/workflows/*.{yml,yaml}, the action of the tree's top, those in .github/actions, and
  // local actions that the workflows use. Sorted, relative to the top.
  std::vector<std::string> find_files() const;
  CheckedFile check(const std::string& name, std::string source) const;

 private:
  std::optional<std::string> read(const std::string& path) const;
  std::shared_ptr<const core::workflow::Action> local_action(std::string_view uses) const;
  std::shared_ptr<const core::workflow::Workflow> local_workflow(std::string_view uses) const;
  void check_calls(CheckedFile& file) const;
  void check_local_actions(CheckedFile& file) const;

  core::fs::path top_;
  core::workflow::LintFiles files_;
  mutable std::map<std::string, std::shared_ptr<const core::workflow::Action>> actions_;
  mutable std::map<std::string, std::shared_ptr<const core::workflow::Workflow>> workflows_;
};

}  // namespace gantry::daemon::cli
