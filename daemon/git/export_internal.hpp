// SPDX-License-Identifier: MIT
// The parts of an export: which commits and refs it holds, its objects, its work tree.
#pragma once

#include "daemon/git/mirror_internal.hpp"

#include <set>
#include <string>
#include <vector>

namespace gantry::daemon::git {

// A ref of the new repository and the object (commit or annotated tag) it stands on.
struct ExportedRef {
  std::string name;
  git_oid target{};
};

struct History {
  std::vector<git_oid> tips;     // of all refs, peeled; the exported commit first
  std::vector<git_oid> commits;  // within the depth; empty when the depth is unlimited
  std::vector<git_oid> shallow;  // those of them whose parents are cut off
};

std::vector<ExportedRef> refs_to_export(Mirror& mirror, const Export& what, const git_oid& commit);
History history_to_export(Mirror& mirror, const Export& what, const std::vector<ExportedRef>& refs,
                          const git_oid& commit);

// Fills `folder`, the objects/pack of the new repository.
void write_packs(Mirror& mirror, const Export& what, const std::vector<ExportedRef>& refs,
                 const History& history, const fs::path& folder);

// Checks the tree out into the work tree of `repository` and writes the index.
Exported write_work_tree(git_repository* repository, const Export& what, const git_oid& commit);

}  // namespace gantry::daemon::git
