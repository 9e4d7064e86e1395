// SPDX-License-Identifier: MIT
#include "storage/layout.hpp"

#include "core/base/error.hpp"

#include <string>

namespace gantry::storage {
namespace {

// A folder holds at most a thousand logs.
constexpr std::int64_t kLogsPerFolder = 1000;

std::string name(std::int64_t id) {
  return std::to_string(id);
}

}  // namespace

fs::path Layout::mirror(core::RepoId repo) const {
  return state_ / "mirrors" / (name(repo.value) + ".git");
}
fs::path Layout::trees(core::RepoId repo) const {
  return state_ / "trees" / name(repo.value);
}
fs::path Layout::job(core::JobId job) const {
  return jobs() / name(job.value);
}
fs::path Layout::job_token(core::JobId id) const {
  return job(id) / "token";
}
fs::path Layout::log_folder(core::JobId job) const {
  return state_ / "logs" / name(job.value / kLogsPerFolder);
}
fs::path Layout::log(core::JobId job) const {
  return log_folder(job) / (name(job.value) + ".log");
}
fs::path Layout::log_index(core::JobId job) const {
  return log_folder(job) / (name(job.value) + ".idx");
}
fs::path Layout::log_compressed(core::JobId job) const {
  return log_folder(job) / (name(job.value) + ".log.zst");
}

void Layout::create() const {
  for (const char* folder : {"", "mirrors", "trees", "actions", "roots", "runners", "jobs", "logs",
                             "blobs", "keys", "run"}) {
    const fs::path path = state_ / folder;
    std::error_code error;
    fs::create_directories(path, error);
    if (!error) fs::permissions(path, fs::perms::owner_all, error);
    if (error) {
      throw core::Exception(core::Errc::io,
                            "creating state folder '" + path.string() + "': " + error.message());
    }
  }
}

}  // namespace gantry::storage
