// SPDX-License-Identifier: MIT
#include "daemon/git/mirror_internal.hpp"

#include <algorithm>
#include <optional>

namespace gantry::daemon::git {
namespace {

using core::Errc;
using core::Exception;

bool looks_like_sha(std::string_view rev) {
  return rev.size() == GIT_OID_HEXSZ &&
         rev.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

struct Found {
  CommitHandle commit;
  std::string ref;
};

Found find_rev(Mirror& mirror, const std::string& rev) {
  if (looks_like_sha(rev)) return {find_commit(mirror, rev), ""};
  std::vector<std::string> names = {"refs/heads/" + rev, "refs/tags/" + rev};
  if (rev.starts_with("refs/")) names = {rev};
  for (const std::string& name : names) {
    git_reference* found = nullptr;
    const int code = git_reference_lookup(&found, mirror.repository(), name.c_str());
    if (code == GIT_ENOTFOUND || code == GIT_EINVALIDSPEC) continue;
    check(code, "reading ref '" + name + "'");
    const ReferenceHandle ref(found);
    git_object* peeled = nullptr;
    if (git_reference_peel(&peeled, ref.get(), GIT_OBJECT_COMMIT) < 0) {
      throw Exception(Errc::invalid, "reading ref '" + name + "': it leads to no commit");
    }
    const ObjectHandle object(peeled);
    return {find_commit(mirror, to_hex(*git_object_id(object.get()))), name};
  }
  throw Exception(Errc::not_found, "looking for '" + rev + "' in mirror '" +
                                       mirror.path().string() + "': no such branch, tag or ref");
}

std::string text_or_empty(const char* text) {
  return text != nullptr ? text : "";
}

// The tree entry at `path`, or nothing.
TreeEntryHandle entry_at(git_tree* root, const std::string& path) {
  git_tree_entry* entry = nullptr;
  const int code = git_tree_entry_bypath(&entry, root, path.c_str());
  if (code == GIT_ENOTFOUND) return nullptr;
  check(code, "looking for '" + path + "'");
  return TreeEntryHandle(entry);
}

bool is_regular(const git_tree_entry* entry) {
  const git_filemode_t mode = git_tree_entry_filemode(entry);
  return mode == GIT_FILEMODE_BLOB || mode == GIT_FILEMODE_BLOB_EXECUTABLE;
}

File read_blob(git_repository* repository, const git_tree_entry* entry, std::uint64_t max_bytes) {
  const git_oid* id = git_tree_entry_id(entry);
  File file{.name = git_tree_entry_name(entry), .blob = to_hex(*id)};
  const std::string doing = "reading file '" + file.name + "'";
  const auto odb = acquire<OdbHandle>(doing, git_repository_odb, repository);
  // The header first: a blob may say it is larger than memory.
  std::size_t size = 0;
  git_object_t type = GIT_OBJECT_INVALID;
  check(git_odb_read_header(&size, &type, odb.get(), id), doing);
  file.size = size;
  file.too_large = size > max_bytes;
  if (file.too_large) return file;
  const auto blob = acquire<BlobHandle>(doing, git_blob_lookup, repository, id);
  file.content.assign(static_cast<const char*>(git_blob_rawcontent(blob.get())), size);
  return file;
}

bool has_suffix(std::string_view name, const std::vector<std::string>& suffixes) {
  return std::any_of(suffixes.begin(), suffixes.end(),
                     [&](const std::string& suffix) { return name.ends_with(suffix); });
}

TreeHandle folder_at(git_repository* repository, git_tree* root, const std::string& path) {
  const TreeEntryHandle entry = entry_at(root, path);
  if (!entry || git_tree_entry_type(entry.get()) != GIT_OBJECT_TREE) return nullptr;
  return acquire<TreeHandle>("reading folder '" + path + "'", git_tree_lookup, repository,
                             git_tree_entry_id(entry.get()));
}

}  // namespace

Commit run(Mirror& mirror, const Resolve& request) {
  const Found found = find_rev(mirror, request.rev);
  const git_commit* commit = found.commit.get();
  Commit answer{.sha = to_hex(*git_commit_id(commit)),
                .tree = to_hex(*git_commit_tree_id(commit)),
                .ref = found.ref};
  const git_signature* author = git_commit_author(commit);
  answer.author_name = text_or_empty(author->name);
  answer.author_email = text_or_empty(author->email);
  answer.message = text_or_empty(git_commit_message(commit));
  answer.authored = author->when.time;
  answer.committed = git_commit_time(commit);
  for (unsigned i = 0; i < git_commit_parentcount(commit); ++i) {
    answer.parents.push_back(to_hex(*git_commit_parent_id(commit, i)));
  }
  return answer;
}

FileList run(Mirror& mirror, const ReadFiles& request) {
  const CommitHandle commit = find_commit(mirror, request.sha);
  const auto root = acquire<TreeHandle>("reading the tree of commit '" + request.sha + "'",
                                        git_commit_tree, commit.get());
  FileList list;
  const TreeHandle folder = folder_at(mirror.repository(), root.get(), request.folder);
  if (!folder) return list;
  for (std::size_t i = 0; i < git_tree_entrycount(folder.get()); ++i) {
    const git_tree_entry* entry = git_tree_entry_byindex(folder.get(), i);
    if (!is_regular(entry) || !has_suffix(git_tree_entry_name(entry), request.suffixes)) continue;
    list.truncated = list.files.size() >= request.max_files;
    if (list.truncated) break;
    list.files.push_back(read_blob(mirror.repository(), entry, request.max_bytes));
  }
  return list;
}

File run(Mirror& mirror, const ReadFile& request) {
  const CommitHandle commit = find_commit(mirror, request.sha);
  const auto root = acquire<TreeHandle>("reading the tree of commit '" + request.sha + "'",
                                        git_commit_tree, commit.get());
  const TreeEntryHandle entry = entry_at(root.get(), request.path);
  const std::string doing = "reading '" + request.path + "' of commit '" + request.sha + "'";
  if (!entry) throw Exception(Errc::not_found, doing + ": no such file");
  if (!is_regular(entry.get())) {
    throw Exception(Errc::invalid, doing + ": not a regular file");
  }
  return read_blob(mirror.repository(), entry.get(), request.max_bytes);
}

}  // namespace gantry::daemon::git
