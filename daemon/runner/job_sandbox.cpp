// SPDX-License-Identifier: MIT
#include "daemon/runner/job_sandbox.hpp"

#include "core/base/error.hpp"
#include "daemon/runner/job_folder.hpp"

namespace gantry::daemon::runner {
namespace {

using core::Errc;
using core::Exception;

core::run::Network network_of(core::config::Network network) {
  switch (network) {
    case core::config::Network::none:
      return core::run::Network::none;
    case core::config::Network::internet:
      return core::run::Network::internet;
    case core::config::Network::host:
      return core::run::Network::host;
  }
  return core::run::Network::none;
}

std::string_view word(core::run::Network network) {
  switch (network) {
    case core::run::Network::none:
      return "none";
    case core::run::Network::internet:
      return "internet";
    case core::run::Network::host:
      return "host";
  }
  return "";
}

std::string mebibytes(std::uint64_t bytes) {
  return std::to_string(bytes >> 20) + " MiB";
}

void describe_limits(const proto::JobSandbox& wanted, const os::CgroupTree& cgroups,
                     SandboxPlan& plan) {
  const auto limit = [&](std::string_view controller, bool is_set, const std::string& text) {
    if (!is_set) return;
    if (cgroups.has(controller)) {
      plan.text += ", " + text;
    } else {
      plan.shortcomings.push_back("limit " + text + ": " + cgroups.reason());
    }
  };
  limit("memory", wanted.memory_bytes != 0, "memory " + mebibytes(wanted.memory_bytes));
  if (wanted.pids != 0) plan.text += ", processes " + std::to_string(wanted.pids);
  limit("cpu", wanted.cpu_percent != 0, "CPU " + std::to_string(wanted.cpu_percent) + " %");
  if (wanted.output_bytes != 0) plan.text += ", log " + mebibytes(wanted.output_bytes);
  if (wanted.disk_bytes != 0) plan.text += ", disk " + mebibytes(wanted.disk_bytes);
}

std::unique_ptr<Sandbox> start_sandbox(const core::run::SandboxSpec& spec, const fs::path& folder,
                                       const fs::path& agent, const os::CgroupTree& cgroups) {
  BubblewrapConfig config;
  config.agent = agent;
  config.cgroups = &cgroups;
  config.name = proto::sandbox_group(folder.string());
  return start_bubblewrap(spec, config);
}

bool fits(const ReadySandbox& ready, const core::run::SandboxSpec& spec, const fs::path& agent) {
  if (ready.spec != spec || ready.agent != agent) return false;
  while (const auto event = ready.sandbox->next_event()) {
    if (std::holds_alternative<SandboxEnded>(*event)) return false;
  }
  return true;
}

}  // namespace

const os::CgroupTree& cgroups_here() {
  static const os::CgroupTree cgroups = os::CgroupTree::discover();
  return cgroups;
}

SandboxPlan plan_sandbox(const proto::JobSandbox& wanted, const SandboxPaths& paths,
                         const os::CgroupTree& cgroups) {
  if (wanted.root != "host") {
    throw Exception(Errc::invalid,
                    "preparing the sandbox: no root '" + wanted.root + "' here; use 'host'");
  }
  SandboxPlan plan;
  core::run::HostRootOptions options;
  options.home = home_in(paths.folder);
  options.tmp = tmp_in(paths.folder);
  options.actions = actions_in(paths.folder);
  options.read_only = wanted.read_only_mounts;
  options.network = network_of(wanted.network);
  if (options.network == core::run::Network::internet) {
    const std::string reason = internet_unavailable_reason("slirp4netns");
    if (!reason.empty()) {
      plan.shortcomings.push_back("network 'internet' (the job has none): " + reason);
      options.network = core::run::Network::none;
    }
  }
  options.resolv_conf = resolv_conf_for(options.network);
  options.limits.memory_bytes = wanted.memory_bytes;
  options.limits.pids = static_cast<std::uint32_t>(wanted.pids);
  options.limits.cpu_percent = wanted.cpu_percent;
  plan.text = "root host, network " + std::string(word(options.network));
  describe_limits(wanted, cgroups, plan);
  plan.spec = core::run::host_root_sandbox(
      paths.roots.empty() ? host_root() : host_root(options, paths.roots), options);
  return plan;
}

ReadySandbox make_ready(const proto::RunnerPrepare& prepare) {
  const os::CgroupTree& cgroups = cgroups_here();
  ReadySandbox ready;
  ready.agent = prepare.agent_binary;
  make_job_folders(prepare.folder);
  ready.spec = plan_sandbox(prepare.sandbox, {prepare.folder, prepare.roots}, cgroups).spec;
  ready.sandbox = start_sandbox(ready.spec, prepare.folder, ready.agent, cgroups);
  return ready;
}

std::unique_ptr<Sandbox> take_sandbox(std::optional<ReadySandbox> ready,
                                      const core::run::SandboxSpec& spec, const fs::path& folder,
                                      const fs::path& agent, const os::CgroupTree& cgroups) {
  if (ready && fits(*ready, spec, agent)) return std::move(ready->sandbox);
  ready.reset();  // first: its control group, which it removes, has the name of the new one's
  return start_sandbox(spec, folder, agent, cgroups);
}

}  // namespace gantry::daemon::runner
