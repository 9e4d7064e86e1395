// SPDX-License-Identifier: MIT
#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "daemon/git/mirror_internal.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <map>

namespace gantry::daemon::git {
namespace {

using core::Errc;
using core::Exception;

constexpr const char* kLock = "gantry.lock";
constexpr const char* kFetching = "gantry-fetching";
constexpr const char* kReady = "gantry-mirror";  // written when the repository is complete

void remove_half_made(const fs::path& mirror) {
  for (const auto& entry : fs::directory_iterator(mirror)) {
    const std::string name = entry.path().filename();
    if (name != kLock && name != kFetching) fs::remove_all(entry.path());
  }
}

void remove_lock_files(const fs::path& folder) {
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".lock") fs::remove(entry.path());
  }
}

// A pack is complete when both of its files have their final names.
void remove_broken_packs(const fs::path& folder) {
  if (!fs::exists(folder)) return;
  for (const auto& entry : fs::directory_iterator(folder)) {
    fs::path other = entry.path();
    const std::string extension = other.extension();
    const bool is_pack_file = extension == ".pack" || extension == ".idx";
    other.replace_extension(extension == ".pack" ? ".idx" : ".pack");
    if (!is_pack_file || !fs::exists(other)) fs::remove(entry.path());
  }
}

// libgit2 writes the whole file anew for each ref that goes, and there may be very many.
void drop_packed(const fs::path& mirror, const RefNames& gone) {
  const fs::path file = mirror / "packed-refs";
  const std::string text = core::read_file_if_exists(file).value_or("");
  std::string kept;
  bool is_kept = true;
  for (const std::string_view line : core::split(text, '\n')) {
    // A line that starts with '^' tells more of the one before.
    if (!line.starts_with('^')) is_kept = !gone.contains(line.substr(line.find(' ') + 1));
    if (is_kept && !line.empty()) kept.append(line).append("\n");
  }
  if (kept != text) core::write_file_atomic(file, kept);
}

}  // namespace

MirrorLock::MirrorLock(const fs::path& mirror) : marker_(mirror / kFetching) {
  const fs::path path = mirror / kLock;
  lock_ = core::UniqueFd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock_) core::throw_errno("opening the lock of mirror '" + mirror.string() + "'");
  while (::flock(lock_.get(), LOCK_EX) != 0) {
    if (errno != EINTR) core::throw_errno("locking mirror '" + mirror.string() + "'");
  }
  const core::UniqueFd marker(::open(marker_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!marker && errno != EEXIST) {
    core::throw_errno("marking mirror '" + mirror.string() + "' as changing");
  }
  predecessor_died_ = !marker;
}

MirrorLock::~MirrorLock() {
  ::unlink(marker_.c_str());
}

PacksLock::PacksLock(const fs::path& mirror, Mode mode) {
  const fs::path path = mirror / kReady;  // there as long as the mirror, and openable read-only
  lock_ = core::UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!lock_ && errno == ENOENT) return;
  if (!lock_) core::throw_errno("opening '" + path.string() + "'");
  while (::flock(lock_.get(), mode == Mode::exporting ? LOCK_SH : LOCK_EX) != 0) {
    if (errno != EINTR) core::throw_errno("locking the packs of mirror '" + mirror.string() + "'");
  }
}

git_repository* Mirror::repository() {
  if (repository_) return repository_.get();
  if (!fs::exists(path_ / kReady)) {
    throw Exception(Errc::not_found, "opening mirror '" + path_.string() +
                                         "': nothing has been fetched yet; fetch it first");
  }
  repository_ = acquire<RepositoryHandle>("opening mirror '" + path_.string() + "'",
                                          git_repository_open_bare, path_.c_str());
  return repository_.get();
}

void Mirror::prepare() {
  if (fs::exists(path_ / kReady)) {
    remove_lock_files(path_ / "refs");
    for (const char* name : {"HEAD.lock", "packed-refs.lock", "config.lock"})
      fs::remove(path_ / name);
    remove_broken_packs(path_ / "objects" / "pack");
    return;
  }
  repository_.reset();
  remove_half_made(path_);
  git_repository_init_options options = GIT_REPOSITORY_INIT_OPTIONS_INIT;
  options.flags = GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_NO_REINIT;
  options.initial_head = "main";
  acquire<RepositoryHandle>("making mirror '" + path_.string() + "'", git_repository_init_ext,
                            path_.c_str(), &options);
  core::write_file_atomic(path_ / kReady, "1\n");
}

CommitHandle find_commit(Mirror& mirror, std::string_view sha) {
  const git_oid id = to_oid(sha);
  git_object* found = nullptr;
  int code = git_object_lookup(&found, mirror.repository(), &id, GIT_OBJECT_ANY);
  if (code == GIT_ENOTFOUND) {
    throw Exception(Errc::not_found, "looking for commit '" + std::string(sha) + "' in mirror '" +
                                         mirror.path().string() + "': no such commit");
  }
  check(code, "reading commit '" + std::string(sha) + "'");
  const ObjectHandle object(found);
  git_object* peeled = nullptr;
  code = git_object_peel(&peeled, object.get(), GIT_OBJECT_COMMIT);
  if (code < 0) {
    throw Exception(Errc::invalid, "reading commit '" + std::string(sha) + "': it is a " +
                                       git_object_type2string(git_object_type(object.get())) +
                                       " and leads to no commit");
  }
  return CommitHandle(reinterpret_cast<git_commit*>(peeled));
}

// Written here, as libgit2 takes a millisecond for each ref it packs or drops.
void pack_refs(Mirror& mirror) {
  const auto refs = acquire<ReferenceIteratorHandle>("packing refs", git_reference_iterator_new,
                                                     mirror.repository());
  std::map<std::string, git_oid> targets;
  git_reference* next = nullptr;
  int code = 0;
  while ((code = git_reference_next(&next, refs.get())) == 0) {
    const ReferenceHandle ref(next);
    if (const git_oid* target = git_reference_target(next)) {
      targets.emplace(git_reference_name(next), *target);
    }
  }
  if (code != GIT_ITEROVER) check(code, "packing refs");
  std::string text = "# pack-refs with: sorted \n";
  for (const auto& [name, target] : targets)
    text += to_hex(target) + " " + name + "\n";
  core::write_file_atomic(mirror.path() / "packed-refs", text);
  for (const auto& [name, target] : targets) {
    const fs::path loose = mirror.path() / name;
    if (fs::is_regular_file(loose)) fs::remove(loose);
  }
}

void remove_refs(Mirror& mirror, const RefNames& gone) {
  if (gone.empty()) return;
  drop_packed(mirror.path(), gone);
  for (const std::string& ref : gone) {
    mirror.watchdog().touch();  // a fetch may be watched, and this is not its network
    if (!fs::is_regular_file(mirror.path() / ref)) continue;
    check(git_reference_remove(mirror.repository(), ref.c_str()), "deleting ref '" + ref + "'");
  }
}

}  // namespace gantry::daemon::git
