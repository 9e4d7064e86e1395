// SPDX-License-Identifier: MIT
// What a small folder of this host holds, to copy it once for many sandboxes, and whether it has
// changed since. Never throws: what cannot be read is left out, as the job could not read it
// either.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace gantry::daemon::runner {

namespace fs = std::filesystem;

// How a path was when it was looked at; links are not followed.
struct Fact {
  std::string path;
  struct stat info {};  // all zero: there was nothing
};
Fact fact_of(std::string path);
bool still_holds(const Fact& fact);
// Everything that tells one state of the path from another.
std::string to_text(const Fact& fact);

struct Tree {
  std::vector<fs::path> folders;  // itself first, each before what is in it
  std::vector<fs::path> files;
  struct Link {
    fs::path path;
    std::string target;
  };
  std::vector<Link> links;
  std::vector<Fact> facts;  // while they hold, so does the rest
};
// Nothing where it is no folder, or too large to be copied.
std::optional<Tree> look_at_tree(const fs::path& folder);

}  // namespace gantry::daemon::runner
