// SPDX-License-Identifier: MIT
// The job's folder on the host and what it looks like inside the sandbox:
//   <folder>/home   /home/runner, with work/<repo>/<repo> (workspace) and work/_temp
//   <folder>/tmp    /tmp
//   <folder>/actions  /home/runner/work/_actions, which the job cannot change
// Everything below home and tmp may be changed by the job at any time, so it is reached only
// beneath an open descriptor and never through a link. Throws core::Exception. Move-only.
#pragma once

#include "core/base/unique_fd.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace gantry::daemon::runner {

namespace fs = std::filesystem;

inline constexpr std::string_view kInsideHome = "/home/runner";
// Where GitHub's own machines keep tools; an operator may show jobs one.
inline constexpr std::string_view kSharedToolCache = "/opt/hostedtoolcache";

inline fs::path home_in(const fs::path& folder) {
  return folder / "home";
}
inline fs::path tmp_in(const fs::path& folder) {
  return folder / "tmp";
}
inline fs::path actions_in(const fs::path& folder) {
  return folder / "actions";
}
void make_job_folders(const fs::path& folder);  // these three, where they are missing

class JobFolder {
 public:
  // `repository_name` without owner. Creates what is missing; empties _temp.
  JobFolder(fs::path folder, std::string repository_name);

  fs::path home() const { return home_in(folder_); }
  fs::path tmp() const { return tmp_in(folder_); }
  fs::path actions() const { return actions_in(folder_); }
  fs::path own() const { return folder_ / "git"; }  // the runner's, for mirrors of this job alone
  // Paths as the job sees them.
  std::string workspace_inside() const;
  std::string temp_inside() const;
  std::string tools_inside() const;  // a tool cache of the job's own

  // Below _temp, `name` relative. The folder is made anew when the job removed it.
  void write_temp_file(const fs::path& name, std::string_view content, unsigned mode = 0644);
  // Content of a regular file below _temp; nothing when there is none. Refuses links, FIFOs,
  // folders and what is larger than `limit_bytes`, saying so.
  std::optional<std::string> read_temp_file(const fs::path& name, std::uint64_t limit_bytes) const;
  void remove_temp_file(const fs::path& name) noexcept;

  // The workspace, or `relative` below it, opened as a folder; made when absent if asked.
  enum class Create { no, yes };
  core::UniqueFd open_workspace(const fs::path& relative, Create create) const;

 private:
  core::UniqueFd open_folder(const fs::path& relative, Create create) const;

  fs::path folder_;
  fs::path workspace_;  // below home
  core::UniqueFd home_;
};

// For a runner that was given no lock. Held for as long as the runner lives: <folder>/lock and
// <folder>/runner.pid. Throws when another runner has it.
core::UniqueFd lock_job_folder(const fs::path& folder);

}  // namespace gantry::daemon::runner
