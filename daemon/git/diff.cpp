// SPDX-License-Identifier: MIT
#include "daemon/git/mirror_internal.hpp"

#include <algorithm>
#include <set>

namespace gantry::daemon::git {
namespace {

bool is_no_commit(const std::string& sha) {
  return sha.find_first_not_of('0') == std::string::npos;
}

RevwalkHandle walk_from(git_repository* repository, const git_oid& head) {
  auto walk = acquire<RevwalkHandle>("walking commits", git_revwalk_new, repository);
  check(git_revwalk_push(walk.get(), &head), "walking commits");
  return walk;
}

// The parent of the oldest commit that came with the new branch `ref`; empty when that has none.
std::string base_of_new_branch(git_repository* repository, const git_oid& head,
                               const std::string& ref) {
  const RevwalkHandle walk = walk_from(repository, head);
  check(git_revwalk_sorting(walk.get(), GIT_SORT_TOPOLOGICAL | GIT_SORT_TIME), "walking commits");
  const auto refs = acquire<ReferenceIteratorHandle>("listing the refs of the mirror",
                                                     git_reference_iterator_new, repository);
  git_reference* next = nullptr;
  while (git_reference_next(&next, refs.get()) == 0) {
    const ReferenceHandle other(next);
    const std::string_view name = git_reference_name(other.get());
    if (name == ref || name.starts_with("refs/pull/")) continue;
    git_object* peeled = nullptr;
    if (git_reference_peel(&peeled, other.get(), GIT_OBJECT_COMMIT) < 0) continue;
    const ObjectHandle commit(peeled);
    check(git_revwalk_hide(walk.get(), git_object_id(commit.get())), "walking commits");
  }
  git_oid oldest = head;
  bool is_any_new = false;
  git_oid id{};
  while (git_revwalk_next(&id, walk.get()) == 0) {
    oldest = id;
    is_any_new = true;
  }
  // A branch made on a commit that was there before brings nothing.
  if (!is_any_new) return to_hex(head);
  const auto commit =
      acquire<CommitHandle>("reading a commit", git_commit_lookup, repository, &oldest);
  return git_commit_parentcount(commit.get()) == 0 ? ""
                                                   : to_hex(*git_commit_parent_id(commit.get(), 0));
}

std::string base_for(Mirror& mirror, const Diff& request, const git_oid& head) {
  git_repository* repository = mirror.repository();
  if (is_no_commit(request.base)) return base_of_new_branch(repository, head, request.ref);
  const CommitHandle base = find_commit(mirror, request.base);
  const git_oid* base_id = git_commit_id(base.get());
  if (request.mode == DiffMode::two_dot) return to_hex(*base_id);
  git_oid common{};
  check(git_merge_base(&common, repository, base_id, &head),
        "looking for the merge base of '" + request.base + "' and '" + request.head + "'");
  return to_hex(common);
}

std::uint64_t count_commits(git_repository* repository, const git_oid& head,
                            const std::string& base) {
  const RevwalkHandle walk = walk_from(repository, head);
  if (!base.empty()) {
    const git_oid hidden = to_oid(base);
    check(git_revwalk_hide(walk.get(), &hidden), "walking commits");
  }
  std::uint64_t count = 0;
  git_oid id{};
  while (count <= kMaxCountedCommits && git_revwalk_next(&id, walk.get()) == 0)
    ++count;
  return count;
}

}  // namespace

Difference run(Mirror& mirror, const Diff& request) {
  git_repository* repository = mirror.repository();
  const CommitHandle head = find_commit(mirror, request.head);
  const git_oid head_id = *git_commit_id(head.get());
  Difference answer;
  answer.base = base_for(mirror, request, head_id);
  answer.commits = count_commits(repository, head_id, answer.base);

  const std::string doing = "comparing '" + answer.base + "' with '" + request.head + "'";
  TreeHandle before;
  if (!answer.base.empty()) {
    const CommitHandle base = find_commit(mirror, answer.base);
    before = acquire<TreeHandle>(doing, git_commit_tree, base.get());
  }
  const auto after = acquire<TreeHandle>(doing, git_commit_tree, head.get());
  const auto diff = acquire<DiffHandle>(doing, git_diff_tree_to_tree, repository, before.get(),
                                        after.get(), nullptr);
  // Exact renames only, so that a moved file counts once; both its names are told anyway.
  git_diff_find_options find = GIT_DIFF_FIND_OPTIONS_INIT;
  find.flags = GIT_DIFF_FIND_RENAMES | GIT_DIFF_FIND_EXACT_MATCH_ONLY;
  check(git_diff_find_similar(diff.get(), &find), doing);

  answer.files = git_diff_num_deltas(diff.get());
  std::set<std::string> paths;
  const std::uint64_t looked_at = std::min(answer.files, request.limit);
  for (std::size_t i = 0; i < looked_at; ++i) {
    const git_diff_delta* delta = git_diff_get_delta(diff.get(), i);
    paths.insert(delta->old_file.path);
    paths.insert(delta->new_file.path);
  }
  answer.paths.assign(paths.begin(), paths.end());
  return answer;
}

}  // namespace gantry::daemon::git
