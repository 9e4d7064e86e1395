// SPDX-License-Identifier: MIT
#include "daemon/runner/job_folder.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace gantry::daemon::runner {
namespace {

const fs::path kTemp = fs::path("work") / "_temp";
const fs::path kTools = fs::path("work") / "_tool";

std::string quoted(const fs::path& path) {
  return "'" + path.string() + "'";
}

// Opens or makes one folder after the other, none of them through a link.
core::UniqueFd make_folders(int root, const fs::path& relative) {
  core::UniqueFd at(::openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!at) core::throw_errno("opening the job's home folder");
  for (const fs::path& part : relative) {
    if (part == "." || part.empty()) continue;
    if (::mkdirat(at.get(), part.c_str(), 0755) != 0 && errno != EEXIST) {
      core::throw_errno("making folder " + quoted(relative) + " of the job");
    }
    core::UniqueFd next = core::open_beneath(at.get(), part, O_RDONLY | O_DIRECTORY);
    if (!next) {
      throw core::Exception(core::Errc::not_found, "making folder " + quoted(relative) +
                                                       " of the job: it was removed meanwhile");
    }
    at = std::move(next);
  }
  return at;
}

}  // namespace

void make_job_folders(const fs::path& folder) {
  for (const fs::path& path : {home_in(folder), tmp_in(folder), actions_in(folder)}) {
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
      core::throw_errno("making job folder " + quoted(path));
    }
  }
}

JobFolder::JobFolder(fs::path folder, std::string repository_name)
    : folder_(std::move(folder)), workspace_(fs::path("work") / repository_name / repository_name) {
  make_job_folders(folder_);
  home_ = core::open_directory(home());
  if (const auto left = core::remove_tree(home() / kTemp)) {
    throw core::Exception(core::Errc::io, "emptying the job's temp folder: " + *left);
  }
  open_folder(workspace_, Create::yes);
  open_folder(kTools, Create::yes);
  open_folder(kTemp / "_runner_file_commands", Create::yes);
  open_folder(kTemp / "_github_workflow", Create::yes);
}

std::string JobFolder::workspace_inside() const {
  return (fs::path(kInsideHome) / workspace_).string();
}

std::string JobFolder::temp_inside() const {
  return (fs::path(kInsideHome) / kTemp).string();
}

std::string JobFolder::tools_inside() const {
  return (fs::path(kInsideHome) / kTools).string();
}

core::UniqueFd JobFolder::open_folder(const fs::path& relative, Create create) const {
  core::UniqueFd folder = core::open_beneath(home_.get(), relative, O_RDONLY | O_DIRECTORY);
  if (!folder && create == Create::yes) return make_folders(home_.get(), relative);
  return folder;
}

core::UniqueFd JobFolder::open_workspace(const fs::path& relative, Create create) const {
  return open_folder((workspace_ / relative).lexically_normal(), create);
}

void JobFolder::write_temp_file(const fs::path& name, std::string_view content, unsigned mode) {
  const core::UniqueFd folder = open_folder(kTemp / name.parent_path(), Create::yes);
  const core::UniqueFd file =
      core::open_beneath(folder.get(), name.filename(), O_WRONLY | O_CREAT | O_EXCL, mode);
  if (!file) {
    throw core::Exception(core::Errc::io, "writing the job's file " + quoted(name) +
                                              ": its folder was removed meanwhile");
  }
  core::write_all(file.get(), content);
}

std::optional<std::string> JobFolder::read_temp_file(const fs::path& name,
                                                     std::uint64_t limit_bytes) const {
  const core::UniqueFd file = core::open_beneath(home_.get(), kTemp / name, O_RDONLY);
  if (!file) return std::nullopt;
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) core::throw_errno("looking at " + quoted(name));
  if (!S_ISREG(status.st_mode)) {
    throw core::Exception(core::Errc::invalid, "reading " + quoted(name) +
                                                   ": the job replaced it by something else "
                                                   "than a plain file");
  }
  std::string content;
  std::string piece(64 << 10, '\0');
  while (content.size() <= limit_bytes) {
    const ssize_t count = ::read(file.get(), piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) core::throw_errno("reading " + quoted(name));
    if (count == 0) return content;
    content.append(piece.data(), static_cast<std::size_t>(count));
  }
  throw core::Exception(core::Errc::too_large, "reading " + quoted(name) + ": it is larger than " +
                                                   std::to_string(limit_bytes >> 20) + " MiB");
}

void JobFolder::remove_temp_file(const fs::path& name) noexcept {
  try {
    const core::UniqueFd folder = open_folder(kTemp / name.parent_path(), Create::no);
    if (folder) ::unlinkat(folder.get(), name.filename().c_str(), 0);
  } catch (const core::Exception&) {
    return;  // the job put a link in the way: what lies behind is not ours to remove
  }
}

core::UniqueFd lock_job_folder(const fs::path& folder) {
  core::UniqueFd lock(
      ::open((folder / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock) core::throw_errno("opening the lock of job folder " + quoted(folder));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      throw core::Exception(core::Errc::conflict, "locking job folder " + quoted(folder) +
                                                      ": another gantry-runner runs this job");
    }
    core::throw_errno("locking job folder " + quoted(folder));
  }
  core::write_file_atomic(folder / "runner.pid", std::to_string(::getpid()) + '\n');
  return lock;
}

}  // namespace gantry::daemon::runner
