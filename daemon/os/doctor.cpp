// SPDX-License-Identifier: MIT
#include "daemon/os/doctor.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "daemon/os/cgroup.hpp"
#include "daemon/os/child.hpp"
#include "daemon/os/find_program.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace gantry::daemon::os {

namespace {

using State = Check::State;
constexpr int kTimeoutMs = 10000;

// Runs a command; what it said on the stream that matters, or nothing when it failed.
struct Attempt {
  bool worked = false;
  std::string said;
};
Attempt attempt(std::vector<std::string> argv) {
  SpawnOptions options;
  options.argv = std::move(argv);
  options.env = current_environment();
  try {
    const CommandResult result = run_command(std::move(options), kTimeoutMs);
    const bool worked = result.status.success();
    return {worked, std::string(core::trim(worked ? result.out : result.err))};
  } catch (const core::Exception& e) {
    return {false, e.what()};
  }
}

std::string setting(const char* path) {
  try {
    return std::string(core::trim(core::read_file_if_exists(path).value_or("")));
  } catch (const core::Exception& e) {
    return e.what();
  }
}

Check check_user() {
  Check check{"user", State::ok, "uid " + std::to_string(::geteuid()), ""};
  if (::geteuid() == 0) {
    check.state = State::missing;
    check.detail = "running as root, jobs are refused";
    check.remedy = "useradd --system gantry, and 'User=gantry' in the systemd unit";
  }
  return check;
}

// What of the kernel's settings forbids user namespaces to ordinary users.
Check check_user_namespaces() {
  Check check{"user namespaces", State::ok, "allowed", ""};
  const auto forbid = [&check](std::string detail, std::string remedy) {
    check = {"user namespaces", State::missing, std::move(detail), std::move(remedy)};
  };
  if (::access("/proc/self/ns/user", F_OK) != 0) {
    forbid("this kernel has none", "use a kernel with CONFIG_USER_NS=y");
  } else if (setting("/proc/sys/user/max_user_namespaces") == "0") {
    forbid("user.max_user_namespaces is 0", "sysctl -w user.max_user_namespaces=15000");
  } else if (setting("/proc/sys/kernel/unprivileged_userns_clone") == "0") {
    forbid("kernel.unprivileged_userns_clone is 0", "sysctl -w kernel.unprivileged_userns_clone=1");
  } else if (setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1" &&
             ::access("/etc/apparmor.d/gantry-bwrap", F_OK) != 0) {
    check.state = State::degraded;
    check.detail = "AppArmor lets only programs with a profile make them";
    check.remedy =
        "deploy/install-deps.sh run, which gives bubblewrap one; or sysctl -w "
        "kernel.apparmor_restrict_unprivileged_userns=0";
  }
  return check;
}

Check check_bubblewrap(const std::string& bwrap) {
  if (find_program(bwrap).empty()) {
    return {"bubblewrap", State::missing, "'" + bwrap + "' not found",
            "apt-get install bubblewrap"};
  }
  const Attempt version = attempt({bwrap, "--version"});
  int major = 0;
  int minor = 0;
  if (!version.worked ||
      std::sscanf(version.said.c_str(), "bubblewrap %d.%d", &major, &minor) != 2) {
    return {"bubblewrap", State::missing, "version unknown: " + version.said,
            "apt-get install --reinstall bubblewrap"};
  }
  if (major == 0 && minor < 8) {
    return {"bubblewrap", State::missing, version.said + ", 0.8 is needed",
            "install bubblewrap 0.8 or newer"};
  }
  return {"bubblewrap", State::ok, version.said, ""};
}

std::vector<std::string> trial_sandbox(const std::string& bwrap) {
  return {bwrap,           "--unshare-all", "--as-pid-1", "--die-with-parent",
          "--new-session", "--ro-bind",     "/",          "/",
          "--proc",        "/proc",         "--dev",      "/dev",
          "true"};
}

Check check_sandbox(const std::string& bwrap) {
  const Attempt trial = attempt(trial_sandbox(bwrap));
  if (trial.worked) return {"sandbox", State::ok, "a trial one has run", ""};
  std::string remedy = hidden_proc_remedy(trial.said);
  if (remedy.empty()) {
    remedy =
        "see the checks before this one; in a container it needs '--security-opt "
        "seccomp=unconfined --security-opt apparmor=unconfined'";
  }
  return {"sandbox", State::missing, trial.said, std::move(remedy)};
}

Check check_nested(const std::string& bwrap) {
  std::vector<std::string> argv = trial_sandbox(bwrap);
  argv.insert(argv.begin() + 1, {"--unshare-user", "--disable-userns"});
  const Attempt trial = attempt(std::move(argv));
  if (trial.worked) return {"nested namespaces", State::ok, "switched off in sandboxes", ""};
  return {"nested namespaces", State::degraded,
          "only the system call filter refuses them: " + trial.said,
          "'ProtectKernelTunables=no' in the systemd unit"};
}

Check check_seccomp() {
  const std::string actions = setting("/proc/sys/kernel/seccomp/actions_avail");
  if (actions.find("errno") != std::string::npos) {
    return {"system call filter", State::ok, "seccomp available", ""};
  }
  return {"system call filter", State::missing, "no seccomp filters in this kernel",
          "use a kernel with CONFIG_SECCOMP_FILTER=y"};
}

Check check_cgroups() {
  try {
    const CgroupTree tree = CgroupTree::discover();
    if (tree.version() == CgroupVersion::none) {
      return {"resource limits", State::degraded, tree.reason(), "'Delegate=yes' in the unit"};
    }
    std::string detail = "control groups " + std::string(to_string(tree.version())) + ": " +
                         core::join(tree.controllers(), ", ");
    if (tree.reason().empty()) return {"resource limits", State::ok, std::move(detail), ""};
    return {"resource limits", State::degraded, detail + "; " + tree.reason(),
            "'Delegate=yes' in the unit"};
  } catch (const core::Exception& e) {
    return {"resource limits", State::degraded, e.what(), "mount /proc and /sys/fs/cgroup"};
  }
}

Check check_internet(const std::string& slirp4netns) {
  const Obstacle obstacle = internet_obstacle(slirp4netns);
  if (obstacle.reason.empty()) {
    return {"network 'internet'", State::ok, "slirp4netns and /dev/net/tun are there", ""};
  }
  return {"network 'internet'", State::degraded, obstacle.reason, obstacle.remedy};
}

// A range of subordinate ids is what images of other root file systems will need.
Check check_subordinate_ids() {
  const passwd* user = ::getpwuid(::geteuid());
  const std::string name = user != nullptr ? user->pw_name : std::to_string(::geteuid());
  const std::string id = std::to_string(::geteuid());
  for (const char* file : {"/etc/subuid", "/etc/subgid"}) {
    bool found = false;
    const std::string text = setting(file);
    for (const std::string_view line : core::split(text, '\n')) {
      const std::string_view owner = line.substr(0, line.find(':'));
      found = found || owner == name || owner == id;
    }
    if (!found) {
      return {"subordinate ids", State::degraded, "none for '" + name + "' in " + file,
              "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 " + name};
    }
  }
  return {"subordinate ids", State::ok, "'" + name + "' has a range", ""};
}

// A folder that is not there yet will be made on the file system of the nearest one above it.
Check check_disk(const std::filesystem::path& folder) {
  std::error_code ignored;
  std::filesystem::path there = std::filesystem::absolute(folder, ignored);
  while (there.has_relative_path() && ::access(there.c_str(), F_OK) != 0 && errno == ENOENT) {
    there = there.parent_path();
  }
  struct statvfs info {};
  if (::statvfs(there.c_str(), &info) != 0) {
    return {"disk", State::missing, there.string() + ": " + std::strerror(errno),
            "a state folder that this user can reach"};
  }
  const auto free_mib = static_cast<unsigned long long>(info.f_bavail) * info.f_frsize >> 20U;
  Check check{"disk", State::ok, std::to_string(free_mib) + " MiB free in " + there.string(), ""};
  if (free_mib < 10'240) {
    check.state = free_mib < 1024 ? State::missing : State::degraded;
    check.remedy = "free at least 10 GiB there, or move the state folder";
  }
  return check;
}

Check check_tool(const std::string& name, const std::string& what_for, const std::string& package) {
  const std::string path = find_program(name);
  if (!path.empty()) return {name, State::ok, path, ""};
  return {name, State::degraded, "not found; " + what_for, "apt-get install " + package};
}

constexpr int kOldestNode = 20;

// What is wrong with a node; "" = nothing. `said` becomes its version.
std::string problem_of_node(const std::string& program, std::string& said) {
  const Attempt version = attempt({program, "--version"});
  int major = 0;
  said = version.said;
  if (!version.worked || std::sscanf(said.c_str(), "v%d.", &major) != 1) {
    return program + " does not tell its version: " + said;
  }
  if (major >= kOldestNode) return "";
  return program + " is " + said + ", actions of today want " + std::to_string(kOldestNode) +
         " or newer";
}

Check check_configured_node(const DoctorConfig& config) {
  Check check{"node", State::ok, "", ""};
  for (const auto& [runtime, program] : config.node) {
    std::string said;
    const std::string problem = problem_of_node(program.string(), said);
    check.detail += check.detail.empty() ? "" : "; ";
    check.detail += problem.empty() ? runtime + ": " + program.string() + ' ' + said : problem;
    if (problem.empty()) continue;
    check.state = State::degraded;
    check.remedy = "name a Node.js program in actions.node." + runtime + " of the config";
  }
  return check;
}

Check check_node(const DoctorConfig& config) {
  if (!config.node.empty()) return check_configured_node(config);
  const std::string program = find_program("node");
  if (program.empty()) {
    return {"node", State::degraded, "not found; JavaScript actions need it",
            "apt-get install nodejs, or name one in actions.node of the config"};
  }
  std::string said;
  const std::string problem = problem_of_node(program, said);
  if (!problem.empty()) {
    return {"node", State::degraded, problem,
            "name a newer one in actions.node.node of the config"};
  }
  const bool is_shown = program.starts_with("/usr/") || program.starts_with("/bin/");
  if (is_shown) return {"node", State::ok, program + ' ' + said, ""};
  return {"node", State::degraded, program + ' ' + said + ", which jobs do not see",
          "'actions: {node: {node: " + program + "}}' in the config"};
}

}  // namespace

std::string_view to_string(Check::State state) {
  switch (state) {
    case State::ok:
      return "ok";
    case State::degraded:
      return "degraded";
    case State::missing:
      return "missing";
  }
  return "missing";
}

std::vector<Check> examine_machine(const DoctorConfig& config) {
  std::vector<Check> checks = {check_user(), check_user_namespaces(),
                               check_bubblewrap(config.bwrap)};
  if (checks.back().state == State::ok) {
    checks.push_back(check_sandbox(config.bwrap));
    if (checks.back().state == State::ok) checks.push_back(check_nested(config.bwrap));
  }
  checks.push_back(check_seccomp());
  checks.push_back(check_cgroups());
  checks.push_back(check_internet(config.slirp4netns));
  checks.push_back(check_subordinate_ids());
  checks.push_back(check_disk(config.state_folder));
  checks.push_back(check_node(config));
  checks.push_back(check_tool("git", "steps of jobs use it", "git"));
  checks.push_back(check_tool("ssh", "repositories by ssh need it", "openssh-client"));
  return checks;
}

bool can_disable_nested_namespaces() {
  struct statvfs info {};
  return ::statvfs("/proc/sys/user", &info) == 0 && (info.f_flag & ST_RDONLY) == 0;
}

std::string hidden_proc_remedy(std::string_view complaint) {
  if (complaint.find("mount proc") == std::string_view::npos) return "";
  return "show gantryd the whole of /proc: its systemd unit must have neither ProtectKernelLogs "
         "nor ProtectKernelTunables; a container needs '--security-opt systempaths=unconfined'";
}

Obstacle internet_obstacle(const std::string& slirp4netns) {
  if (find_program(slirp4netns).empty()) {
    return {"'" + slirp4netns + "' is not installed", "apt-get install slirp4netns"};
  }
  const core::UniqueFd tun(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  if (tun) return {};
  return {"/dev/net/tun: " + std::string(std::strerror(errno)),
          "chmod 666 /dev/net/tun (in a systemd unit also 'DeviceAllow=/dev/net/tun rw')"};
}

}  // namespace gantry::daemon::os
