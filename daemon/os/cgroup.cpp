// SPDX-License-Identifier: MIT
#include "daemon/os/cgroup.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "core/base/unique_fd.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <thread>

namespace gantry::daemon::os {

namespace {

// Control files take one write; they are neither created nor cut.
int write_control(const fs::path& path, std::string_view value) noexcept {
  const core::UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file) return errno;
  return ::write(file.get(), value.data(), value.size()) < 0 ? errno : 0;
}

void must_write(const fs::path& path, std::string_view value) {
  if (const int error = write_control(path, value); error != 0) {
    throw core::Exception(core::errno_error(
        "setting '" + path.string() + "' to '" + std::string(value) + "'", error));
  }
}

// Empty when it cannot be read.
std::string read_control(const fs::path& path) noexcept {
  const core::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  char buffer[4096];
  ssize_t n = 0;
  while (file && (n = ::read(file.get(), buffer, sizeof buffer)) > 0) {
    text.append(buffer, static_cast<std::size_t>(n));
  }
  return text;
}

std::optional<std::uint64_t> to_number(std::string_view text) noexcept {
  text = core::trim(text);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The value of `key` in a "key value" file.
std::uint64_t read_keyed(const fs::path& path, std::string_view key) noexcept {
  const std::string text = read_control(path);
  for (const std::string_view line : core::split(text, '\n')) {
    if (line.size() > key.size() && line.starts_with(key) && line[key.size()] == ' ') {
      return to_number(line.substr(key.size())).value_or(0);
    }
  }
  return 0;
}

void set_limits_v2(const fs::path& folder, const CgroupLimits& limits, const CgroupTree& tree) {
  if (limits.memory_bytes != 0 && tree.has("memory")) {
    must_write(folder / "memory.max", std::to_string(limits.memory_bytes));
    // Not there on a kernel without swap accounting.
    if (fs::exists(folder / "memory.swap.max")) must_write(folder / "memory.swap.max", "0");
  }
  if (limits.pids != 0 && tree.has("pids")) {
    must_write(folder / "pids.max", std::to_string(limits.pids));
  }
  if (limits.cpu_percent != 0 && tree.has("cpu")) {
    must_write(folder / "cpu.max", std::to_string(limits.cpu_percent * 1000ULL) + " 100000");
  }
}

void set_limits_v1(const std::string& controller, const fs::path& folder,
                   const CgroupLimits& limits) {
  if (controller == "memory" && limits.memory_bytes != 0) {
    const std::string bytes = std::to_string(limits.memory_bytes);
    must_write(folder / "memory.limit_in_bytes", bytes);
    if (fs::exists(folder / "memory.memsw.limit_in_bytes")) {
      must_write(folder / "memory.memsw.limit_in_bytes", bytes);
    }
  }
  if (controller == "pids" && limits.pids != 0) {
    must_write(folder / "pids.max", std::to_string(limits.pids));
  }
  if (controller == "cpu" && limits.cpu_percent != 0) {
    must_write(folder / "cpu.cfs_period_us", "100000");
    must_write(folder / "cpu.cfs_quota_us", std::to_string(limits.cpu_percent * 1000ULL));
  }
}

}  // namespace

std::string_view to_string(CgroupVersion version) {
  switch (version) {
    case CgroupVersion::none:
      return "none";
    case CgroupVersion::v1:
      return "v1";
    case CgroupVersion::v2:
      return "v2";
  }
  return "none";
}

Cgroup& Cgroup::operator=(Cgroup&& other) noexcept {
  if (this == &other) return *this;
  destroy();
  version_ = other.version_;
  folders_ = std::move(other.folders_);
  other.folders_.clear();
  return *this;
}

const fs::path* Cgroup::folder_of(std::string_view controller) const {
  for (const Folder& folder : folders_) {
    if (folder.controller == controller || version_ == CgroupVersion::v2) return &folder.path;
  }
  return nullptr;
}

void Cgroup::add(pid_t pid) const {
  for (const Folder& folder : folders_) {
    must_write(folder.path / "cgroup.procs", std::to_string(pid));
  }
}

bool Cgroup::is_empty() const noexcept {
  if (folders_.empty()) return true;
  if (version_ == CgroupVersion::v2) {
    return read_keyed(folders_[0].path / "cgroup.events", "populated") == 0;
  }
  return std::all_of(folders_.begin(), folders_.end(), [](const Folder& folder) {
    return read_control(folder.path / "cgroup.procs").empty();
  });
}

void Cgroup::kill_all() const noexcept {
  if (version_ == CgroupVersion::v2 && !folders_.empty()) {
    write_control(folders_[0].path / "cgroup.kill", "1");
    return;
  }
  // v1: only what is frozen neither forks nor ends (a number stays valid) while we go through it.
  const fs::path* freezer = folder_of("freezer");
  if (freezer == nullptr || write_control(*freezer / "freezer.state", "FROZEN") != 0) return;
  for (int tries = 0; tries < 100; ++tries) {
    if (core::trim(read_control(*freezer / "freezer.state")) == "FROZEN") break;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  const std::string members = read_control(*freezer / "cgroup.procs");
  for (const std::string_view line : core::split(members, '\n')) {
    const auto pid = to_number(line).value_or(0);  // 0: of another pid namespace
    if (pid > 1) ::kill(static_cast<pid_t>(pid), SIGKILL);
  }
  write_control(*freezer / "freezer.state", "THAWED");
}

CgroupStats Cgroup::stats() const noexcept {
  CgroupStats stats;
  if (version_ == CgroupVersion::v2 && !folders_.empty()) {
    const fs::path& folder = folders_[0].path;
    stats.memory_peak_bytes = to_number(read_control(folder / "memory.peak"));
    stats.oom_kills = read_keyed(folder / "memory.events", "oom_kill");
    stats.forks_refused = read_keyed(folder / "pids.events", "max");
    stats.cpu_usec = read_keyed(folder / "cpu.stat", "usage_usec");
    return stats;
  }
  if (const fs::path* memory = folder_of("memory")) {
    stats.memory_peak_bytes = to_number(read_control(*memory / "memory.max_usage_in_bytes"));
    stats.oom_kills = read_keyed(*memory / "memory.oom_control", "oom_kill");
  }
  if (const fs::path* pids = folder_of("pids")) {
    stats.forks_refused = read_keyed(*pids / "pids.events", "max");
  }
  if (const fs::path* cpu = folder_of("cpuacct")) {
    stats.cpu_usec = to_number(read_control(*cpu / "cpuacct.usage")).value_or(0) / 1000;
  }
  return stats;
}

bool Cgroup::destroy() noexcept {
  using namespace std::chrono_literals;
  const auto deadline = std::chrono::steady_clock::now() + 2s;
  if (!is_empty()) kill_all();
  // A group is busy until its last member has been taken off, a little after its death.
  while (!folders_.empty()) {
    std::erase_if(folders_, [](const Folder& folder) {
      return ::rmdir(folder.path.c_str()) == 0 || errno == ENOENT;
    });
    if (folders_.empty()) break;
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(500us);
    if (!is_empty()) kill_all();
  }
  return true;
}

Cgroup CgroupTree::create(const std::string& name, const CgroupLimits& limits) const {
  if (name.empty() || name.find('/') != std::string::npos || name.starts_with('.')) {
    throw core::Exception(core::Errc::invalid,
                          "creating control group '" + name + "': not a plain name");
  }
  Cgroup group;
  group.version_ = version_;
  for (const Cgroup::Folder& parent : parents_) {
    const fs::path folder = parent.path / name;
    if (::mkdir(folder.c_str(), 0755) == 0) {
      group.folders_.push_back({parent.controller, folder});
    } else if (errno == EEXIST) {  // left by a runner that was killed
      Cgroup old = existing(name);
      old.kill_all();
      old.folders_.clear();
      group.folders_.push_back({parent.controller, folder});
    } else {
      core::throw_errno("creating control group '" + folder.string() + "'");
    }
    if (version_ == CgroupVersion::v2) set_limits_v2(folder, limits, *this);
    if (version_ == CgroupVersion::v1) set_limits_v1(parent.controller, folder, limits);
  }
  return group;
}

Cgroup CgroupTree::existing(const std::string& name) const {
  Cgroup group;
  group.version_ = version_;
  for (const Cgroup::Folder& parent : parents_)
    group.folders_.push_back({parent.controller, parent.path / name});
  return group;
}

void CgroupTree::remove(const std::string& name) const noexcept {
  Cgroup group = existing(name);
  group.destroy();
}

bool CgroupTree::has(std::string_view controller) const {
  return std::find(controllers_.begin(), controllers_.end(), controller) != controllers_.end();
}

}  // namespace gantry::daemon::os
