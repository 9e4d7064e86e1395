// SPDX-License-Identifier: MIT
#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "daemon/git/export_internal.hpp"

#include <algorithm>

namespace gantry::daemon::git {
namespace {

using core::Errc;
using core::Exception;

constexpr std::string_view kHeads = "refs/heads/";
constexpr std::string_view kTags = "refs/tags/";
constexpr std::string_view kPull = "refs/pull/";

// Only while the files are written: names that would be `.git` on another system are refused too.
constexpr std::string_view kProtection = "[core]\n\tprotectHFS = true\n\tprotectNTFS = true\n";

std::string doing_export(const Export& what) {
  return "exporting commit '" + what.sha + "'";
}

void check_request(const Export& what) {
  if (!what.ref.empty()) {
    int is_valid = 0;
    check(git_reference_name_is_valid(&is_valid, what.ref.c_str()), doing_export(what));
    if (is_valid == 0 || !what.ref.starts_with("refs/")) {
      throw Exception(Errc::invalid,
                      doing_export(what) + ": '" + what.ref + "' is not a full ref name");
    }
  }
  for (const std::string& text : {what.remote_url, what.filter}) {
    if (text.find_first_of(std::string_view("\n\0", 2)) == std::string::npos) continue;
    throw Exception(Errc::invalid, doing_export(what) + ": url or filter hold a line break");
  }
  if (!fs::is_directory(what.dest) || !fs::is_empty(what.dest)) {
    throw Exception(Errc::conflict,
                    doing_export(what) + " into '" + what.dest + "': not an empty folder");
  }
}

// In double quotes, for values and subsections of a git config file.
std::string config_quoted(const std::string& text) {
  std::string quoted = core::replace_all(text, "\\", "\\\\");
  return "\"" + core::replace_all(quoted, "\"", "\\\"") + "\"";
}

// Plain where possible: the problem matchers of the runner look for the line `url = <url>`.
std::string config_value(const std::string& text) {
  const bool is_plain = text.find_first_of("\"\\#; \t") == std::string::npos;
  return is_plain ? text : config_quoted(text);
}

std::string config_for(const Export& what) {
  // checkStat and trustctime: jobs get copies, whose inodes and change times differ from those in
  // the index; size and mtime stay the same and must be enough for `git status` to be fast.
  std::string text =
      "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n"
      "\tlogallrefupdates = true\n\tcheckStat = minimal\n\ttrustctime = false\n"
      "[remote \"origin\"]\n\turl = " +
      config_value(what.remote_url) +
      "\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n[gc]\n\tauto = 0\n";
  if (!what.sparse.empty()) {
    text += "[core]\n\tsparseCheckout = true\n";
    text += what.sparse_mode == SparseMode::cone ? "\tsparseCheckoutCone = true\n" : "";
  }
  if (!what.filter.empty()) {
    text += "[remote \"origin\"]\n\tpromisor = true\n\tpartialclonefilter = " +
            config_value(what.filter) + "\n";
  }
  if (what.ref.starts_with(kHeads)) {
    const std::string branch = what.ref.substr(kHeads.size());
    text += "[branch " + config_quoted(branch) +
            "]\n\tremote = origin\n\tmerge = " + config_value(what.ref) + "\n";
  }
  return text;
}

// As `git sparse-checkout set --cone` writes it.
std::string sparse_file(const std::vector<std::string>& folders) {
  std::set<std::string> parents;
  for (const std::string& folder : folders) {
    for (fs::path p = fs::path(folder).parent_path(); !p.empty(); p = p.parent_path()) {
      parents.insert(p.string());
    }
  }
  std::string text = "/*\n!/*/\n";
  for (const std::string& parent : parents) {
    text.append("/").append(parent).append("/\n!/").append(parent).append("/*/\n");
  }
  for (const std::string& folder : folders)
    text.append("/").append(folder).append("/\n");
  return text;
}

void write_git_folder(const fs::path& git, const Export& what, const std::vector<ExportedRef>& refs,
                      const History& history) {
  for (const char* folder :
       {"objects/pack", "objects/info", "refs/heads", "refs/tags", "info", "hooks", "branches"}) {
    fs::create_directories(git / folder);
  }
  std::string packed = "# pack-refs with: sorted \n";
  for (const ExportedRef& ref : refs)
    packed += to_hex(ref.target) + " " + ref.name + "\n";
  core::write_file_atomic(git / "packed-refs", packed);
  core::write_file_atomic(git / "config", config_for(what) + std::string(kProtection));
  core::write_file_atomic(git / "description", "Unnamed repository\n");
  core::write_file_atomic(git / "info/exclude", "");
  if (!what.sparse.empty()) {
    const bool is_cone = what.sparse_mode == SparseMode::cone;
    core::write_file_atomic(
        git / "info/sparse-checkout",
        is_cone ? sparse_file(what.sparse) : "\n" + core::join(what.sparse, "\n") + "\n");
  }
  if (!history.shallow.empty()) {
    std::set<std::string> ids;
    for (const git_oid& id : history.shallow)
      ids.insert(to_hex(id));
    std::string shallow;
    for (const std::string& id : ids)
      shallow += id + "\n";
    core::write_file_atomic(git / "shallow", shallow);
  }
}

// The target of a ref of the mirror (for an annotated tag the tag object) when it leads to
// `commit`.
git_oid tag_target(git_repository* repository, const std::string& name, const git_oid& commit) {
  git_reference* found = nullptr;
  if (git_reference_lookup(&found, repository, name.c_str()) < 0) return commit;
  const ReferenceHandle ref(found);
  git_object* peeled = nullptr;
  if (git_reference_peel(&peeled, ref.get(), GIT_OBJECT_COMMIT) < 0) return commit;
  const ObjectHandle object(peeled);
  const git_oid* target = git_reference_target(ref.get());
  return target != nullptr && git_oid_equal(git_object_id(object.get()), &commit) != 0 ? *target
                                                                                       : commit;
}

void add_refs_of_mirror(git_repository* repository, const Export& what,
                        std::vector<ExportedRef>& refs) {
  const auto iterator = acquire<ReferenceIteratorHandle>("listing the refs of the mirror",
                                                         git_reference_iterator_new, repository);
  git_reference* next = nullptr;
  int code = 0;
  while ((code = git_reference_next(&next, iterator.get())) == 0) {
    const ReferenceHandle ref(next);
    const std::string name = git_reference_name(ref.get());
    const git_oid* target = git_reference_target(ref.get());
    if (target == nullptr || name == what.ref) continue;
    if (name.starts_with(kTags)) {
      refs.push_back({name, *target});
    } else if (name.starts_with(kHeads) && what.depth == 0) {
      refs.push_back({"refs/remotes/origin/" + name.substr(kHeads.size()), *target});
    }
  }
  if (code != GIT_ITEROVER) check(code, "listing the refs of the mirror");
}

}  // namespace

std::vector<ExportedRef> refs_to_export(Mirror& mirror, const Export& what, const git_oid& commit) {
  std::vector<ExportedRef> refs;
  if (what.ref.starts_with(kHeads)) {
    refs.push_back({what.ref, commit});
    refs.push_back({"refs/remotes/origin/" + what.ref.substr(kHeads.size()), commit});
  } else if (what.ref.starts_with(kTags)) {
    refs.push_back({what.ref, tag_target(mirror.repository(), what.ref, commit)});
  } else if (what.ref.starts_with(kPull)) {
    refs.push_back({"refs/remotes/pull/" + what.ref.substr(kPull.size()), commit});
  }
  if (what.depth == 0 || what.tags) add_refs_of_mirror(mirror.repository(), what, refs);
  std::sort(refs.begin(), refs.end(),
            [](const ExportedRef& a, const ExportedRef& b) { return a.name < b.name; });
  return refs;
}

Exported run(Mirror& mirror, const Export& what) {
  check_request(what);
  const PacksLock packs(mirror.path(), PacksLock::Mode::exporting);
  const CommitHandle commit = find_commit(mirror, what.sha);
  const git_oid id = *git_commit_id(commit.get());
  const fs::path git = fs::path(what.dest) / ".git";
  const std::vector<ExportedRef> refs = refs_to_export(mirror, what, id);
  const History history = history_to_export(mirror, what, refs, id);
  write_git_folder(git, what, refs, history);
  write_packs(mirror, what, refs, history, git / "objects/pack");

  // Unborn until the files are there, so that checkout takes the work tree for what it is: empty.
  core::write_file_atomic(git / "HEAD", "ref: refs/heads/.unborn\n");
  Exported exported;
  {
    const auto repository =
        acquire<RepositoryHandle>(doing_export(what), git_repository_open, what.dest.c_str());
    exported = write_work_tree(repository.get(), what, id);
  }
  core::write_file_atomic(git / "config", config_for(what));
  const bool is_branch = what.ref.starts_with(kHeads);
  core::write_file_atomic(git / "HEAD", is_branch ? "ref: " + what.ref + "\n" : to_hex(id) + "\n");
  return exported;
}

}  // namespace gantry::daemon::git
