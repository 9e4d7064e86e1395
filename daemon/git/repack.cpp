// SPDX-License-Identifier: MIT
// Keeps a mirror from growing for ever: every fetch leaves a pack, every forced push objects that
// nothing leads to, every pull request two refs.
#include "daemon/git/mirror_internal.hpp"

#include <git2/odb_backend.h>

#include <algorithm>
#include <set>

namespace gantry::daemon::git {
namespace {

constexpr std::uint64_t kBigPack = 256ULL << 20;  // left alone when packs are only put together

struct Pack {
  fs::path stem;  // without .pack
  std::uint64_t bytes = 0;
  bool operator<(const Pack& other) const { return stem < other.stem; }
};

std::set<Pack> packs_of(const fs::path& mirror) {
  std::set<Pack> packs;
  for (const auto& entry : fs::directory_iterator(mirror / "objects" / "pack")) {
    fs::path path = entry.path();
    if (path.extension() != ".idx") continue;
    path.replace_extension(".pack");
    if (!fs::exists(path)) continue;
    const std::uint64_t bytes = fs::file_size(path);
    packs.insert({path.replace_extension(), bytes});
  }
  return packs;
}

std::vector<fs::path> loose_objects(const fs::path& mirror) {
  std::vector<fs::path> files;
  for (const auto& folder : fs::directory_iterator(mirror / "objects")) {
    if (folder.path().filename().string().size() != 2) continue;
    for (const auto& entry : fs::directory_iterator(folder.path()))
      files.push_back(entry.path());
  }
  return files;
}

template <class Set>
std::uint64_t bytes_of(const Set& packs) {
  std::uint64_t bytes = 0;
  for (const Pack& pack : packs)
    bytes += pack.bytes;
  return bytes;
}

// Only the newest refs of pull requests stay; what a run still needs is named by `keep`.
void drop_old_pulls(Mirror& mirror, std::uint64_t newest) {
  const auto refs = acquire<ReferenceIteratorHandle>("listing the refs of the mirror",
                                                     git_reference_iterator_glob_new,
                                                     mirror.repository(), "refs/pull/*");
  std::vector<std::pair<std::int64_t, std::string>> pulls;
  git_reference* next = nullptr;
  int code = 0;
  while ((code = git_reference_next(&next, refs.get())) == 0) {
    const ReferenceHandle ref(next);
    git_object* peeled = nullptr;
    std::int64_t time = 0;
    if (git_reference_peel(&peeled, ref.get(), GIT_OBJECT_COMMIT) == 0) {
      const CommitHandle commit(reinterpret_cast<git_commit*>(peeled));
      time = git_commit_time(commit.get());
    }
    pulls.emplace_back(time, git_reference_name(ref.get()));
  }
  if (code != GIT_ITEROVER) check(code, "listing the refs of the mirror");
  std::sort(pulls.rbegin(), pulls.rend());
  RefNames gone;
  for (std::size_t i = newest; i < pulls.size(); ++i)
    gone.insert(pulls[i].second);
  remove_refs(mirror, gone);
}

// A ref's object, and for tags of tags each of them; commits are left to the walk.
void add_target(git_packbuilder* builder, git_revwalk* walk, git_repository* repository,
                git_oid id) {
  const std::string doing = "packing '" + to_hex(id) + "'";
  for (;;) {
    const auto object =
        acquire<ObjectHandle>(doing, git_object_lookup, repository, &id, GIT_OBJECT_ANY);
    const git_object_t type = git_object_type(object.get());
    if (type == GIT_OBJECT_COMMIT) {
      check(git_revwalk_push(walk, &id), doing);
      return;
    }
    if (type != GIT_OBJECT_TAG) {
      check(git_packbuilder_insert_recur(builder, &id, nullptr), doing);
      return;
    }
    check(git_packbuilder_insert(builder, &id, nullptr), doing);
    id = *git_tag_target_id(reinterpret_cast<const git_tag*>(object.get()));
  }
}

void add_reachable(git_packbuilder* builder, git_repository* repository,
                   const std::vector<std::string>& keep) {
  const auto walk = acquire<RevwalkHandle>("packing the mirror", git_revwalk_new, repository);
  const auto refs = acquire<ReferenceIteratorHandle>("listing the refs of the mirror",
                                                     git_reference_iterator_new, repository);
  git_reference* next = nullptr;
  int code = 0;
  while ((code = git_reference_next(&next, refs.get())) == 0) {
    const ReferenceHandle ref(next);
    if (const git_oid* id = git_reference_target(ref.get())) {
      add_target(builder, walk.get(), repository, *id);
    }
  }
  if (code != GIT_ITEROVER) check(code, "listing the refs of the mirror");
  const auto odb = acquire<OdbHandle>("packing the mirror", git_repository_odb, repository);
  for (const std::string& sha : keep) {
    const git_oid id = to_oid(sha);
    if (git_odb_exists(odb.get(), &id) != 0) add_target(builder, walk.get(), repository, id);
  }
  check(git_packbuilder_insert_walk(builder, walk.get()), "packing the mirror");
}

int add_object(const git_oid* id, void* builder) {
  return git_packbuilder_insert(static_cast<git_packbuilder*>(builder), id, nullptr);
}

void add_packs(git_packbuilder* builder, const std::set<Pack>& packs) {
  for (const Pack& pack : packs) {
    const std::string doing = "reading pack '" + pack.stem.filename().string() + "'";
    git_odb* made = nullptr;
    check(git_odb_new(&made), doing);
    const OdbHandle odb(made);
    git_odb_backend* backend = nullptr;
    check(git_odb_backend_one_pack(&backend, (pack.stem.string() + ".idx").c_str()), doing);
    check(git_odb_add_backend(odb.get(), backend, 1), doing);
    check(git_odb_foreach(odb.get(), add_object, builder), doing);
  }
}

void remove_pack(const fs::path& stem) {
  for (const char* extension : {".idx", ".pack"})
    fs::remove(stem.string() + extension);
}

}  // namespace

Repacked run(Mirror& mirror, const Repack& request) {
  if (!fs::exists(mirror.path() / "gantry-mirror")) return {};
  const MirrorLock lock(mirror.path());
  if (lock.predecessor_died()) mirror.prepare();
  std::set<Pack> before = packs_of(mirror.path());
  const std::vector<fs::path> loose = loose_objects(mirror.path());
  Repacked answer{.packs = before.size(), .bytes = bytes_of(before)};
  if (before.size() <= request.max_packs && loose.size() <= request.max_loose) return answer;

  git_repository* repository = mirror.repository();
  const bool is_whole = answer.bytes <= request.whole_below;
  const auto builder =
      acquire<PackBuilderHandle>("packing the mirror", git_packbuilder_new, repository);
  git_packbuilder_set_threads(builder.get(), 1);
  if (is_whole) {
    drop_old_pulls(mirror, request.max_pulls);
    add_reachable(builder.get(), repository, request.keep);
  } else {
    std::erase_if(before, [](const Pack& pack) { return pack.bytes > kBigPack; });
    add_packs(builder.get(), before);
  }
  const fs::path folder = mirror.path() / "objects" / "pack";
  check(git_packbuilder_write(builder.get(), folder.c_str(), 0444, nullptr, nullptr),
        "writing the new pack of the mirror");
  std::set<Pack> after = packs_of(mirror.path());
  const bool is_new = std::any_of(after.begin(), after.end(),
                                  [&](const Pack& pack) { return !before.contains(pack); });
  if (!is_new) return answer;
  const PacksLock alone(mirror.path(), PacksLock::Mode::removing);
  for (const Pack& pack : before)
    remove_pack(pack.stem);
  for (const fs::path& file : loose) {
    if (is_whole) fs::remove(file);
  }
  mirror.close();
  after = packs_of(mirror.path());
  return {.done = true, .packs = after.size(), .bytes = bytes_of(after)};
}

}  // namespace gantry::daemon::git
