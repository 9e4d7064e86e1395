// SPDX-License-Identifier: MIT
#include "daemon/git/export_internal.hpp"
#include "daemon/git/sparse_patterns.hpp"

namespace gantry::daemon::git {
namespace {

// What cone mode takes: every file of the folders that lead to a chosen one, and all below those.
std::vector<std::string> cone_paths(git_repository* repository, git_tree* root,
                                    const std::vector<std::string>& folders) {
  std::set<std::string> parents = {""};
  std::vector<std::string> paths;
  for (const std::string& folder : folders) {
    paths.push_back(folder);
    for (fs::path p = fs::path(folder).parent_path(); !p.empty(); p = p.parent_path()) {
      parents.insert(p.string());
    }
  }
  for (const std::string& parent : parents) {
    TreeEntryHandle entry;
    const git_oid* id = git_tree_id(root);
    if (!parent.empty()) {
      git_tree_entry* found = nullptr;
      const int code = git_tree_entry_bypath(&found, root, parent.c_str());
      if (code == GIT_ENOTFOUND) continue;
      check(code, "looking for '" + parent + "'");
      entry.reset(found);
      if (git_tree_entry_type(found) != GIT_OBJECT_TREE) continue;
      id = git_tree_entry_id(found);
    }
    const auto tree =
        acquire<TreeHandle>("reading folder '" + parent + "'", git_tree_lookup, repository, id);
    for (std::size_t i = 0; i < git_tree_entrycount(tree.get()); ++i) {
      const git_tree_entry* file = git_tree_entry_byindex(tree.get(), i);
      if (git_tree_entry_type(file) == GIT_OBJECT_TREE) continue;
      paths.push_back((fs::path(parent) / git_tree_entry_name(file)).string());
    }
  }
  return paths;
}

std::vector<std::string> matching_paths(git_tree* root, const std::vector<std::string>& lines) {
  git_index* made = nullptr;
  check(git_index_new(&made), "making an index");
  const IndexHandle all(made);
  check(git_index_read_tree(all.get(), root), "reading the tree");
  const SparsePatterns patterns(lines);
  std::vector<std::string> paths;
  for (std::size_t i = 0; i < git_index_entrycount(all.get()); ++i) {
    const std::string path = git_index_get_byindex(all.get(), i)->path;
    if (patterns.takes(path)) paths.push_back(path);
  }
  return paths;
}

// git wants every file of the commit in the index; those outside the cone are marked as not there.
void mark_files_outside(git_index* index, git_tree* root) {
  git_index* made = nullptr;
  check(git_index_new(&made), "making an index");
  const IndexHandle all(made);
  check(git_index_read_tree(all.get(), root), "reading the tree");
  for (std::size_t i = 0; i < git_index_entrycount(all.get()); ++i) {
    git_index_entry entry = *git_index_get_byindex(all.get(), i);
    if (git_index_get_bypath(index, entry.path, 0) != nullptr) continue;
    entry.flags_extended |= GIT_INDEX_ENTRY_SKIP_WORKTREE;
    check(git_index_add(index, &entry), "adding '" + std::string(entry.path) + "' to the index");
  }
  check(git_index_write(index), "writing the index");
}

}  // namespace

Exported write_work_tree(git_repository* repository, const Export& what, const git_oid& commit_id) {
  const std::string doing = "checking out commit '" + what.sha + "'";
  const auto commit = acquire<CommitHandle>(doing, git_commit_lookup, repository, &commit_id);
  const auto tree = acquire<TreeHandle>(doing, git_commit_tree, commit.get());

  git_checkout_options options = GIT_CHECKOUT_OPTIONS_INIT;
  options.checkout_strategy = GIT_CHECKOUT_FORCE | GIT_CHECKOUT_DONT_REMOVE_EXISTING;
  std::vector<std::string> paths;
  std::vector<char*> pointers;
  if (!what.sparse.empty()) {
    paths = what.sparse_mode == SparseMode::cone ? cone_paths(repository, tree.get(), what.sparse)
                                                 : matching_paths(tree.get(), what.sparse);
    for (std::string& path : paths)
      pointers.push_back(path.data());
    options.paths = {pointers.data(), pointers.size()};
    options.checkout_strategy |= GIT_CHECKOUT_DISABLE_PATHSPEC_MATCH;
  }
  // A hostile tree (".git/hooks", "..", a name twice) is refused here as a whole.
  const bool is_empty = !what.sparse.empty() && paths.empty();  // no paths would mean all
  if (!is_empty) {
    check(git_checkout_tree(repository, reinterpret_cast<const git_object*>(tree.get()), &options),
          doing);
  }

  const auto index = acquire<IndexHandle>(doing, git_repository_index, repository);
  Exported exported;
  for (std::size_t i = 0; i < git_index_entrycount(index.get()); ++i) {
    ++exported.files;
    exported.bytes += git_index_get_byindex(index.get(), i)->file_size;
  }
  if (!what.sparse.empty()) mark_files_outside(index.get(), tree.get());
  return exported;
}

}  // namespace gantry::daemon::git
