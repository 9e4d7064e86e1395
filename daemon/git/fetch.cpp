// SPDX-License-Identifier: MIT
#include "core/base/files.hpp"
#include "daemon/git/client.hpp"
#include "daemon/git/remote_internal.hpp"

#include <algorithm>

namespace gantry::daemon::git {
namespace {

using core::Errc;
using core::Exception;

bool is_pull_ref(std::string_view ref) {
  constexpr std::string_view kPrefix = "refs/pull/";
  if (!ref.starts_with(kPrefix)) return false;
  ref.remove_prefix(kPrefix.size());
  const std::size_t slash = ref.find('/');
  const std::string_view number = ref.substr(0, slash);
  const bool is_number = !number.empty() && number.size() <= 18 &&
                         number.find_first_not_of("0123456789") == std::string_view::npos;
  return is_number && slash != std::string_view::npos &&
         (ref.substr(slash) == "/head" || ref.substr(slash) == "/merge");
}

std::vector<std::string> refspecs_for(const std::vector<std::string>& pulls) {
  std::vector<std::string> specs = {"+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"};
  for (const std::string& pull : pulls) {
    if (!is_pull_ref(pull)) {
      throw Exception(Errc::invalid, "fetching ref '" + pull +
                                         "': only branches, tags, refs/pull/N/head and "
                                         "refs/pull/N/merge are mirrored");
    }
    specs.push_back("+");
    specs.back().append(pull).append(":").append(pull);
  }
  return specs;
}

constexpr std::size_t kManyRefs = 1000;

// Nothing when it stands on a file or a folder, as a tag may.
CommitHandle commit_of(const git_reference* ref) {
  git_object* peeled = nullptr;
  if (git_reference_peel(&peeled, ref, GIT_OBJECT_COMMIT) < 0) return nullptr;
  return CommitHandle(reinterpret_cast<git_commit*>(peeled));
}

// Deleted branches and tags go before new ones come: `a` may have become `a/b`. So do, before a
// fetch from a folder, refs that lead to no commit: libgit2's local transport trips over them. The
// fetch brings them again.
void prune(Mirror& mirror, git_remote* remote) {
  const git_remote_head** heads = nullptr;
  std::size_t count = 0;
  check(git_remote_ls(&heads, &count, remote), "listing the refs of the source");
  const bool is_local = !local_folder({.url = git_remote_url(remote)}).empty();
  RefNames offered;
  for (std::size_t i = 0; i < count; ++i)
    offered.insert(heads[i]->name);
  const auto refs = acquire<ReferenceIteratorHandle>(
      "listing the refs of the mirror", git_reference_iterator_new, mirror.repository());
  RefNames gone;
  git_reference* next = nullptr;
  int code = 0;
  while ((code = git_reference_next(&next, refs.get())) == 0) {
    const ReferenceHandle ref(next);
    mirror.watchdog().touch();
    const std::string_view name = git_reference_name(next);
    const bool is_mirrored = name.starts_with("refs/heads/") || name.starts_with("refs/tags/");
    const bool is_gone = is_mirrored && !offered.contains(name);
    if (is_gone || (is_local && !commit_of(next))) gone.emplace(name);
  }
  if (code != GIT_ITEROVER) check(code, "listing the refs of the mirror");
  remove_refs(mirror, gone);
}

std::vector<Ref> list_refs(git_repository* repository, const std::vector<std::string>& pulls) {
  const auto refs = acquire<ReferenceIteratorHandle>("listing the refs of the mirror",
                                                     git_reference_iterator_new, repository);
  std::vector<Ref> listed;
  git_reference* next = nullptr;
  int code = 0;
  while ((code = git_reference_next(&next, refs.get())) == 0) {
    const ReferenceHandle ref(next);
    const std::string name = git_reference_name(ref.get());
    const bool is_pull = name.starts_with("refs/pull/");
    if (is_pull && std::find(pulls.begin(), pulls.end(), name) == pulls.end()) continue;
    const CommitHandle commit = commit_of(next);
    if (commit) listed.push_back({name, to_hex(*git_commit_id(commit.get()))});
  }
  if (code != GIT_ITEROVER) check(code, "listing the refs of the mirror");
  std::sort(listed.begin(), listed.end(),
            [](const Ref& a, const Ref& b) { return a.name < b.name; });
  return listed;
}

// Lets processes that share trees see whether any ref has moved (workspace.cpp).
void write_refs_state(const fs::path& mirror, const std::vector<Ref>& refs) {
  std::string text;
  for (const Ref& ref : refs) {
    if (!ref.name.starts_with("refs/pull/")) text += ref.commit + " " + ref.name + "\n";
  }
  git_oid id{};
  check(git_odb_hash(&id, text.data(), text.size(), GIT_OBJECT_BLOB), "hashing the refs");
  core::write_file_atomic(mirror / "gantry-refs", to_hex(id) + "\n");
}

// libgit2's local transport gives only what refs lead to, so the commit is packed by ourselves.
void copy_commit(Mirror& mirror, const Source& source, const std::string& sha) {
  const std::string doing = "copying commit '" + sha + "' from '" + source.url + "'";
  const auto from =
      acquire<RepositoryHandle>(doing, git_repository_open, local_folder(source).c_str());
  const git_oid id = to_oid(sha);
  git_commit* found = nullptr;
  if (git_commit_lookup(&found, from.get(), &id) < 0) return;
  const CommitHandle commit(found);
  const auto walk = acquire<RevwalkHandle>(doing, git_revwalk_new, from.get());
  check(git_revwalk_push(walk.get(), &id), doing);
  for (const Ref& ref : list_refs(mirror.repository(), {})) {
    const git_oid known = to_oid(ref.commit);
    git_commit* shared = nullptr;
    if (git_commit_lookup(&shared, from.get(), &known) < 0) continue;
    const CommitHandle owner(shared);
    check(git_revwalk_hide(walk.get(), &known), doing);
  }
  const auto builder = acquire<PackBuilderHandle>(doing, git_packbuilder_new, from.get());
  check(git_packbuilder_insert_walk(builder.get(), walk.get()), doing);
  const fs::path folder = mirror.path() / "objects" / "pack";
  check(git_packbuilder_write(builder.get(), folder.c_str(), 0444, nullptr, nullptr), doing);
}

// Asks for a commit no ref leads to; servers need not give it.
void fetch_unreferenced(Mirror& mirror, const Source& source, const std::string& sha) {
  const MirrorLock lock(mirror.path());
  if (!local_folder(source).empty()) {
    copy_commit(mirror, source, sha);
    return;
  }
  try {
    Remote(mirror, source).fetch_commit(sha);
  } catch (const Exception& error) {
    const std::string_view why = error.what();
    // What libgit2 makes of "not our ref", depending on when the server says it, and its own words
    // when single commits are not offered at all.
    const bool is_refused = why.find(": remote error: ") != std::string_view::npos ||
                            why.ends_with(": early EOF") ||
                            why.find("cannot fetch a specific object") != std::string_view::npos;
    if (!is_refused) throw;
  }
}

bool has_commit(Mirror& mirror, const std::string& sha) {
  try {
    find_commit(mirror, sha);
    return true;
  } catch (const Exception& error) {
    if (error.error().code == Errc::not_found) return false;
    throw;
  }
}

}  // namespace

RefList run(Mirror& mirror, const Fetch& request) {
  std::vector<std::string> specs = refspecs_for(request.pulls);
  fs::create_directories(mirror.path());
  const MirrorLock lock(mirror.path());
  if (lock.predecessor_died() || !fs::exists(mirror.path() / "gantry-mirror")) mirror.prepare();
  RefList list;
  bool is_many = false;
  {
    Remote remote(mirror, request.source);
    prune(mirror, remote.get());
    is_many = remote.fetch(std::move(specs)) > kManyRefs;
    list.default_branch = remote.default_branch();
  }
  if (is_many) pack_refs(mirror);
  list.refs = list_refs(mirror.repository(), request.pulls);
  write_refs_state(mirror.path(), list.refs);
  return list;
}

Ensured run(Mirror& mirror, const Ensure& request) {
  const auto is_missing = [&](const std::string& sha) { return !has_commit(mirror, sha); };
  if (std::none_of(request.shas.begin(), request.shas.end(), is_missing)) return {};
  run(mirror, Fetch{request.source, request.pulls});
  for (const std::string& sha : request.shas) {
    if (!is_missing(sha)) continue;
    if (request.unreferenced == Unreferenced::ask_for) {
      fetch_unreferenced(mirror, request.source, sha);
      if (!is_missing(sha)) continue;
    }
    throw Exception(Errc::not_found, "fetching commit '" + sha + "' from '" + request.source.url +
                                         "': it is no longer there: no branch, tag or pull "
                                         "request leads to it; it may have been replaced by a "
                                         "forced push");
  }
  return {.fetched = true};
}

}  // namespace gantry::daemon::git
