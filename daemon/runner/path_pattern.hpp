// SPDX-License-Identifier: MIT
// One pattern of hashFiles, matched against absolute paths segment by segment: `*`, `?`, `[a-z]`
// within a segment, `**` as a whole one. A pattern also takes everything below what it names.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::daemon::runner {

struct PathPattern {
  enum class Sign { include, exclude };
  enum class Reach { everything, folders };  // folders: it was written with a slash at its end
  Sign sign = Sign::include;
  Reach reach = Reach::everything;
  std::vector<std::string> segments;

  bool matches(std::span<const std::string> path) const;
  // Something below `path` may match.
  bool may_match_below(std::span<const std::string> path) const;
  // The leading segments without wildcards, unescaped: where a search starts.
  std::vector<std::string> search_root() const;
};

// Lines of patterns; blank ones and comments (#) are left out, `!` excludes. Each becomes itself
// and, unless it ends in `**`, itself with `/**`.
std::vector<PathPattern> parse_path_patterns(std::string_view lines,
                                             std::string_view working_folder,
                                             std::string_view home);

std::vector<std::string> path_segments(std::string_view path);  // "." goes, ".." goes up

}  // namespace gantry::daemon::runner
