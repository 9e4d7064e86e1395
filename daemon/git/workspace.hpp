// SPDX-License-Identifier: MIT
// Jobs of one commit share the work of checking it out: the tree is exported once and each job gets
// a copy of its own by the cheapest way that is safe (reflink, else parallel copy). Used by
// gantry-runner. All functions block and throw core::Exception.
#pragma once

#include "daemon/git/protocol.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace gantry::daemon::git {

namespace fs = std::filesystem;

// Carries out an export into `what.dest`, an empty folder; usually a one-shot Client.
using Exporter = std::function<void(const Export& what)>;

struct SharedTrees {
  fs::path folder;  // trees/<repo>; created when absent
  fs::path mirror;  // its state of refs is part of the key where all refs are exported
};

// Fills `destination` (absent or an empty folder) with the checkout `what` describes; `what.dest`
// is ignored. Processes that want the same tree at once wait for the one that makes it.
void give_tree(const SharedTrees& trees, const Export& what, const fs::path& destination,
               const Exporter& exporter);

// The name of the shared tree, "<sha>-<hash of the options>".
std::string tree_name(const SharedTrees& trees, const Export& what);

struct CopyStatistics {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t reflinked = 0;  // files that share their blocks
};

// Copies a tree with modes, mtimes and symbolic links (never followed) into `to`, which must be
// absent or empty. Hard links, owners and special files are not carried over.
CopyStatistics copy_tree(const fs::path& from, const fs::path& to);

struct KeepTrees {
  std::size_t newest = 4;
  std::uint64_t bytes = 20ULL << 30;
};

// Removes shared trees, longest unused first, until both limits hold; trees being copied stay.
// Returns how many went. Leftovers of killed exports go too.
std::size_t evict_trees(const fs::path& folder, const KeepTrees& keep);

}  // namespace gantry::daemon::git
