// SPDX-License-Identifier: MIT
// Where this process stands in the control groups, and what it may do there.
#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "daemon/os/cgroup.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace gantry::daemon::os {

namespace {

constexpr const char* kLeaf = "gantry-daemon";
constexpr std::array<const char*, 3> kLimits = {"memory", "pids", "cpu"};
// v1 keeps the books and the freezer apart from the limits.
constexpr std::array<const char*, 5> kV1Controllers = {"memory", "pids", "cpu", "cpuacct",
                                                       "freezer"};
constexpr const char* kRemedy =
    "run gantryd as a systemd service with 'Delegate=yes', or make the control group writable for "
    "its user";

struct CgroupMount {
  std::string root;
  std::string point;
  std::string type;     // "cgroup" or "cgroup2"
  std::string options;  // of the super block; v1 names its controllers there
};

std::vector<CgroupMount> cgroup_mounts(std::string_view mountinfo) {
  std::vector<CgroupMount> mounts;
  for (const std::string_view line : core::split(mountinfo, '\n')) {
    const std::vector<std::string_view> fields = core::split(line, ' ');
    const auto dash = std::find(fields.begin(), fields.end(), "-");
    if (fields.size() < 6 || fields.end() - dash < 4) continue;
    if (dash[1] != "cgroup" && dash[1] != "cgroup2") continue;
    mounts.push_back({std::string(fields[3]), core::replace_all(fields[4], "\\040", " "),
                      std::string(dash[1]), std::string(dash[3])});
  }
  return mounts;
}

// Our path in the hierarchy of `controller` ("" is v2), or nothing.
std::optional<std::string> own_path(std::string_view cgroup_text, std::string_view controller) {
  for (const std::string_view line : core::split(cgroup_text, '\n')) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) continue;
    const auto names = core::split(line.substr(first + 1, second - first - 1), ',');
    if (std::find(names.begin(), names.end(), controller) == names.end()) continue;
    return std::string(line.substr(second + 1));
  }
  return std::nullopt;
}

// The folder of `path` below a mount that shows the hierarchy from mount.root on.
std::optional<fs::path> folder_in(const CgroupMount& mount, const std::string& path) {
  std::string_view rest = path;
  if (mount.root != "/") {
    if (!rest.starts_with(mount.root)) return std::nullopt;
    rest.remove_prefix(mount.root.size());
    if (!rest.empty() && rest[0] != '/') return std::nullopt;
  }
  // Outside of our cgroup namespace.
  if (rest.find("/..") != std::string_view::npos) return std::nullopt;
  return fs::path(mount.point + std::string(rest)).lexically_normal();
}

bool may_make_groups(const fs::path& folder) {
  return ::access(folder.c_str(), W_OK | X_OK) == 0 &&
         ::access((folder / "cgroup.procs").c_str(), W_OK) == 0;
}

bool lists(const fs::path& file, std::string_view word) {
  const std::string text = core::read_file_if_exists(file).value_or("");
  const auto words = core::split(core::trim(text), ' ');
  return std::find(words.begin(), words.end(), word) != words.end();
}

void write_control(const fs::path& path, std::string_view value) {
  const core::UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file || ::write(file.get(), value.data(), value.size()) < 0) {
    core::throw_errno("writing '" + std::string(value) + "' to '" + path.string() + "'");
  }
}

fs::path without_leaf(const fs::path& folder) {
  return folder.filename() == kLeaf ? folder.parent_path() : folder;
}

}  // namespace

CgroupTree CgroupTree::discover() {
  return discover_in("/", core::read_file("/proc/self/cgroup"),
                     core::read_file("/proc/self/mountinfo"));
}

CgroupTree CgroupTree::discover_in(const fs::path& root, std::string_view cgroup_text,
                                   std::string_view mountinfo_text) {
  CgroupTree tree;
  const std::vector<CgroupMount> mounts = cgroup_mounts(mountinfo_text);
  for (const CgroupMount& mount : mounts) {
    const auto path = own_path(cgroup_text, "");
    const auto folder = mount.type == "cgroup2" && path ? folder_in(mount, *path) : std::nullopt;
    if (folder) tree.find_v2(root / folder->relative_path());
  }
  for (const char* controller : kV1Controllers) {
    if (tree.version_ == CgroupVersion::v2) break;
    const auto path = own_path(cgroup_text, controller);
    for (const CgroupMount& mount : mounts) {
      const auto names = core::split(mount.options, ',');
      if (mount.type != "cgroup" || !path) continue;
      if (std::find(names.begin(), names.end(), controller) == names.end()) continue;
      const auto found = folder_in(mount, *path);
      if (!found) continue;
      const fs::path folder = root / found->relative_path();
      if (!may_make_groups(folder)) continue;
      tree.version_ = CgroupVersion::v1;
      // Controllers mounted together share the folder.
      const bool known = std::any_of(tree.parents_.begin(), tree.parents_.end(),
                                     [&](const auto& parent) { return parent.path == folder; });
      if (!known) tree.parents_.push_back({controller, folder});
      if (std::find(kLimits.begin(), kLimits.end(), std::string_view(controller)) !=
          kLimits.end()) {
        tree.controllers_.emplace_back(controller);
      }
      break;
    }
  }
  tree.say_what_is_missing();
  return tree;
}

void CgroupTree::find_v2(const fs::path& own) {
  const fs::path folder = without_leaf(own);
  if (!may_make_groups(folder)) return;
  if (::access((folder / "cgroup.subtree_control").c_str(), W_OK) != 0) return;
  std::vector<std::string> found;
  for (const char* controller : kLimits) {
    if (lists(folder / "cgroup.controllers", controller)) found.emplace_back(controller);
  }
  if (found.empty()) return;
  version_ = CgroupVersion::v2;
  controllers_ = std::move(found);
  parents_ = {{"", folder}};
}

void CgroupTree::say_what_is_missing() {
  std::vector<std::string> missing;
  for (const char* controller : kLimits) {
    if (!has(controller)) missing.emplace_back(controller);
  }
  if (missing.empty()) return;
  reason_ = "no control group we may write for " + core::join(missing, ", ") + "; " + kRemedy;
}

void CgroupTree::prepare_delegation() {
  if (version_ != CgroupVersion::v2) return;
  const fs::path folder = parents_.at(0).path;
  const fs::path leaf = folder / kLeaf;
  const auto give_up = [this](const std::string& why) {
    version_ = CgroupVersion::none;
    controllers_.clear();
    parents_.clear();
    reason_ = why + "; " + kRemedy;
  };
  if (::mkdir(leaf.c_str(), 0755) != 0 && errno != EEXIST) {
    return give_up(core::errno_error("creating '" + leaf.string() + "'", errno).message);
  }
  try {
    // A group with members cannot hand controllers down. Repeated, as members may fork meanwhile.
    for (int tries = 0; tries < 10; ++tries) {
      const std::string members = core::read_file(folder / "cgroup.procs");
      if (members.empty()) break;
      for (const std::string_view pid : core::split(core::trim(members), '\n')) {
        write_control(leaf / "cgroup.procs", pid);
      }
    }
    for (const std::string& controller : controllers_) {
      write_control(folder / "cgroup.subtree_control", "+" + controller);
    }
  } catch (const core::Exception& e) {
    give_up("delegating '" + folder.string() + "': " + e.what());
  }
}

}  // namespace gantry::daemon::os
