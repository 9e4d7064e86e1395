// SPDX-License-Identifier: MIT
// Which files a sparse checkout without cone mode takes: patterns as in .gitignore, where the last
// one that matches a file, or else its nearest folder, decides.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gantry::daemon::git {

class SparsePatterns {
 public:
  explicit SparsePatterns(const std::vector<std::string>& lines);
  bool takes(std::string_view file) const;  // a path within the repository

 private:
  struct Pattern {
    std::string glob;  // without what the other members say
    bool takes = true;
    bool folders_only = false;
    bool anchored = false;  // has a slash: matched against the whole path
  };
  enum class Kind { file, folder };
  const Pattern* match(std::string_view path, Kind kind) const;
  std::vector<Pattern> patterns_;
};

}  // namespace gantry::daemon::git
