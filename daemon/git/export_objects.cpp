// SPDX-License-Identifier: MIT
#include "core/base/files.hpp"
#include "core/base/unique_fd.hpp"
#include "daemon/git/copy_file.hpp"
#include "daemon/git/export_internal.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstring>

namespace gantry::daemon::git {
namespace {

// Up to this size the mirror's packs are copied as they are (a shallow file limits the history that
// is seen): that takes milliseconds, while packing anew inflates and deflates every object.
constexpr std::uint64_t kCopyPacksBelow = 64ULL << 20;

struct OidLess {
  bool operator()(const git_oid& a, const git_oid& b) const { return git_oid_cmp(&a, &b) < 0; }
};

struct PackFiles {
  std::vector<std::string> stems;  // "pack-<hash>"
  std::uint64_t bytes = 0;
};

PackFiles packs_of(const fs::path& folder) {
  PackFiles packs;
  if (!fs::exists(folder)) return packs;
  for (const auto& entry : fs::directory_iterator(folder)) {
    fs::path pack = entry.path();
    // The index gets its name first; without its pack it belongs to a fetch under way.
    if (pack.extension() != ".idx") continue;
    pack.replace_extension(".pack");
    if (!fs::exists(pack)) continue;
    packs.stems.push_back(pack.stem());
    packs.bytes += fs::file_size(pack);
  }
  return packs;
}

// Never a hard link: the job may write to its .git, and the mirror belongs to all jobs.
void copy_pack_file(const fs::path& from, const fs::path& to) {
  const core::UniqueFd in(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (!in) core::throw_errno("opening '" + from.string() + "'");
  struct stat status {};
  if (::fstat(in.get(), &status) != 0) core::throw_errno("reading '" + from.string() + "'");
  const core::UniqueFd out(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444));
  if (!out) core::throw_errno("creating '" + to.string() + "'");
  copy_contents(in.get(), out.get(), static_cast<std::uint64_t>(status.st_size), from);
}

void build_pack(Mirror& mirror, const Export& what, const std::vector<ExportedRef>& refs,
                const History& history, const fs::path& folder) {
  const std::string doing = "packing the objects of commit '" + what.sha + "'";
  const auto builder = acquire<PackBuilderHandle>(doing, git_packbuilder_new, mirror.repository());
  git_packbuilder_set_threads(builder.get(), 0);
  for (const git_oid& id : history.commits) {
    check(git_packbuilder_insert_commit(builder.get(), &id), doing);
  }
  for (const ExportedRef& ref : refs) {
    check(git_packbuilder_insert(builder.get(), &ref.target, nullptr), doing);
  }
  check(git_packbuilder_write(builder.get(), folder.c_str(), 0444, nullptr, nullptr), doing);
}

}  // namespace

History history_to_export(Mirror& mirror, const Export& what, const std::vector<ExportedRef>& refs,
                          const git_oid& commit) {
  History history;
  history.tips.push_back(commit);
  if (what.depth == 0) return history;
  git_repository* repository = mirror.repository();
  for (const ExportedRef& ref : refs) {
    const auto object = acquire<ObjectHandle>("reading ref '" + ref.name + "'", git_object_lookup,
                                              repository, &ref.target, GIT_OBJECT_ANY);
    git_object* peeled = nullptr;
    if (git_object_peel(&peeled, object.get(), GIT_OBJECT_COMMIT) < 0) continue;
    const ObjectHandle tip(peeled);
    history.tips.push_back(*git_object_id(tip.get()));
  }
  std::set<git_oid, OidLess> seen(history.tips.begin(), history.tips.end());
  std::vector<git_oid> level(seen.begin(), seen.end());
  for (std::uint64_t depth = 1; !level.empty(); ++depth) {
    std::vector<git_oid> next;
    for (const git_oid& id : level) {
      history.commits.push_back(id);
      const auto node =
          acquire<CommitHandle>("walking commits", git_commit_lookup, repository, &id);
      const unsigned parents = git_commit_parentcount(node.get());
      if (depth == what.depth && parents > 0) history.shallow.push_back(id);
      for (unsigned i = 0; depth < what.depth && i < parents; ++i) {
        const git_oid parent = *git_commit_parent_id(node.get(), i);
        if (seen.insert(parent).second) next.push_back(parent);
      }
    }
    level = std::move(next);
  }
  return history;
}

void write_packs(Mirror& mirror, const Export& what, const std::vector<ExportedRef>& refs,
                 const History& history, const fs::path& folder) {
  const fs::path source = mirror.path() / "objects" / "pack";
  const PackFiles packs = packs_of(source);
  if (what.depth != 0 && packs.bytes > kCopyPacksBelow) {
    build_pack(mirror, what, refs, history, folder);
    return;
  }
  for (const std::string& stem : packs.stems) {
    for (const char* extension : {".pack", ".idx"}) {
      copy_pack_file(source / (stem + extension), folder / (stem + extension));
    }
  }
}

}  // namespace gantry::daemon::git
