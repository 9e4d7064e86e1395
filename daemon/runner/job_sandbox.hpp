// SPDX-License-Identifier: MIT
// The sandbox of a job: what its message wants as a plan, and a sandbox made before the job is
// known, which takes most of the time a job needs to begin. Throws core::Exception.
#pragma once

#include "core/run/sandbox_spec.hpp"
#include "daemon/os/cgroup.hpp"
#include "daemon/runner/sandbox/sandbox.hpp"
#include "proto/runner_protocol.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gantry::daemon::runner {

struct SandboxPlan {
  core::run::SandboxSpec spec;
  std::string text;                       // one line for people
  std::vector<std::string> shortcomings;  // what this machine cannot give
};

struct SandboxPaths {
  fs::path folder;  // the job's, see job_folder.hpp
  fs::path roots;   // shared with other jobs; empty: nothing is
};
// Looked up once a process, in the nursery for all its runners.
const os::CgroupTree& cgroups_here();

SandboxPlan plan_sandbox(const proto::JobSandbox& wanted, const SandboxPaths& paths,
                         const os::CgroupTree& cgroups);

// Waits for its job. Nothing but the agent runs in it.
struct ReadySandbox {
  fs::path agent;
  core::run::SandboxSpec spec;
  std::unique_ptr<Sandbox> sandbox;
};
ReadySandbox make_ready(const proto::RunnerPrepare& prepare);

// The ready one where it is exactly what `spec` asks for and lives, otherwise a new one; both made
// for the same folder.
std::unique_ptr<Sandbox> take_sandbox(std::optional<ReadySandbox> ready,
                                      const core::run::SandboxSpec& spec, const fs::path& folder,
                                      const fs::path& agent, const os::CgroupTree& cgroups);

}  // namespace gantry::daemon::runner
