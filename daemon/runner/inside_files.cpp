// SPDX-License-Identifier: MIT
#include "daemon/runner/inside_files.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/text.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

namespace gantry::daemon::runner {
namespace {

using core::Errc;
using core::Exception;

constexpr std::uint64_t kConfigLimitBytes = 1 << 20;
constexpr std::size_t kFoldersKnown = 100;
constexpr int kFoldersUp = 50;

bool is_plain_file(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

}  // namespace

void InsideFiles::add(fs::path inside, fs::path host) {
  folders_.emplace_back(std::move(inside), std::move(host));
}

core::UniqueFd InsideFiles::open(const fs::path& absolute) const {
  const fs::path path = absolute.lexically_normal();
  for (auto folder = folders_.rbegin(); folder != folders_.rend(); ++folder) {
    const fs::path below = path.lexically_relative(folder->first);
    if (below.empty() || *below.begin() == "..") continue;
    const core::UniqueFd top = core::open_directory(folder->second);
    return core::open_beneath(top.get(), below, O_RDONLY);
  }
  return core::UniqueFd();
}

std::string InsideFiles::read(const fs::path& file, std::uint64_t limit_bytes) const {
  const fs::path path = fs::path(workspace_) / file;
  const std::string doing = "reading '" + path.string() + "' of the job: ";
  const core::UniqueFd fd = open(path);
  if (!fd) {
    throw Exception(Errc::not_found,
                    doing + "there is no such file below its home, /tmp or its actions");
  }
  if (!is_plain_file(fd.get())) throw Exception(Errc::invalid, doing + "it is no plain file");
  return core::read_file(fs::path("/proc/self/fd") / std::to_string(fd.get()), limit_bytes);
}

std::string InsideFiles::in_repository(const core::run::Problem& problem) {
  if (core::trim(problem.file).empty()) return "";
  fs::path file = problem.file;
  if (!file.is_absolute() && !core::trim(problem.from_path).empty()) {
    file = fs::path(problem.from_path).parent_path() / file;
  }
  file = (fs::path(workspace_) / file).lexically_normal();
  try {
    const core::UniqueFd fd = open(file);
    if (!fd || !is_plain_file(fd.get())) return "";
    const std::string repository = repository_of(file.parent_path());
    return repository.empty() ? "" : file.lexically_relative(repository).string();
  } catch (const Exception&) {
    return "";  // behind a link, or the job changed it meanwhile: the problem has no file
  }
}

std::string InsideFiles::repository_of(const fs::path& folder) {
  if (repositories_.size() > kFoldersKnown) repositories_.clear();
  const std::string key = folder.string();
  if (const auto known = repositories_.find(key); known != repositories_.end()) {
    return known->second;
  }
  std::string found;
  fs::path at = folder;
  for (int up = 0; up < kFoldersUp; ++up, at = at.parent_path()) {
    bool has_config = false;
    if (is_checkout(at, has_config)) found = at.string();
    if (has_config || at == at.root_path()) break;
  }
  return repositories_[key] = found;
}

bool InsideFiles::is_checkout(const fs::path& folder, bool& has_config) const {
  const core::UniqueFd fd = open(folder / ".git/config");
  has_config = fd && is_plain_file(fd.get());
  if (!has_config) return false;
  const std::string config =
      core::read_file(fs::path("/proc/self/fd") / std::to_string(fd.get()), kConfigLimitBytes);
  for (const std::string_view line : core::split(config, '\n')) {
    const auto is_line = [&](const std::string& url) {
      return core::equals_ignoring_case(core::trim(line), "url = " + url);
    };
    if (std::any_of(urls_.begin(), urls_.end(), is_line)) return true;
  }
  return false;
}

}  // namespace gantry::daemon::runner
