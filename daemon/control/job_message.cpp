// SPDX-License-Identifier: MIT
#include "daemon/control/job_message.hpp"

#include "core/workflow/job_text.hpp"
#include "daemon/control/id_tokens.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>

namespace gantry::daemon::control {
namespace {

// What a program outside of /usr brings with it: "/opt/node" of "/opt/node/bin/node".
void show_program(const std::filesystem::path& program, std::vector<std::string>& mounts) {
  const std::filesystem::path folder = program.parent_path();
  const std::filesystem::path top = folder.filename() == "bin" ? folder.parent_path() : folder;
  const std::string shown = top.string();
  if (shown == "/" || shown == "/usr" || shown.starts_with("/usr/")) return;
  if (std::find(mounts.begin(), mounts.end(), shown) == mounts.end()) mounts.push_back(shown);
}

proto::JobRepository repository_of(const ActiveRun& run, const MessageParts& parts) {
  const core::config::Config& config = parts.settings.config;
  proto::JobRepository repository;
  repository.full_name = run.repo.full_name;
  repository.server_url = config.github.server_url;
  repository.clone_url = parts.settings.clone_url_of(run.repo.full_name);
  repository.token = parts.github_token;
  repository.clone_base = config.github.clone_url;
  if (config.github.ca_file) repository.ca_file = config.github.ca_file->string();
  if (const auto* entry = config.find_repository(run.repo.full_name)) {
    if (entry->ssh_key_file) repository.ssh_key_file = entry->ssh_key_file->string();
    if (entry->known_hosts_file) repository.known_hosts_file = entry->known_hosts_file->string();
  }
  return repository;
}

proto::JobActions actions_of(const MessageParts& parts) {
  const core::config::Actions& config = parts.settings.config.actions;
  proto::JobActions actions;
  actions.sources = config.sources;
  actions.allow = config.allow;
  actions.pinning = config.pinning;
  actions.refresh = config.refresh;
  actions.store = parts.layout.actions().string();
  for (const auto& [runtime, program] : config.node)
    actions.node.emplace_back(runtime, program.string());
  return actions;
}

}  // namespace

proto::JobSandbox sandbox_for(const Settings& settings, std::size_t offer, storage::Trust trust) {
  const core::config::Config& config = settings.config;
  proto::JobSandbox sandbox;
  if (offer < config.labels.size()) {
    const core::config::Label& label = config.labels[offer];
    sandbox.network = trust == storage::Trust::trusted ? label.network : label.untrusted_network;
  }
  for (const auto& folder : config.read_only_mounts) {
    sandbox.read_only_mounts.push_back(folder.string());
  }
  for (const auto& [runtime, program] : config.actions.node)
    show_program(program, sandbox.read_only_mounts);
  sandbox.path = config.path;
  sandbox.memory_bytes = config.limits.memory_bytes;
  sandbox.pids = config.limits.pids;
  sandbox.cpu_percent = config.limits.cpu_percent;
  sandbox.output_bytes = config.limits.output_bytes;
  sandbox.disk_bytes = config.limits.disk_bytes;
  return sandbox;
}

std::string runner_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "gantry";
  return std::string("gantry-") + name.data();
}

core::workflow::Permissions permissions_of(const ActiveJob& job, const Settings& settings) {
  const auto own = job.run->machine->place_of(job.key.job_id).permissions;
  const auto permissions = own.value_or(default_permissions(settings.config.github));
  const bool is_trusted = job.run->row.trust == storage::Trust::trusted;
  return is_trusted ? permissions : permissions.reading();
}

proto::JobMessage make_job_message(const ActiveJob& job, const MessageParts& parts,
                                   core::Timestamp now) {
  const ActiveRun& run = *job.run;
  const bool is_trusted = run.row.trust == storage::Trust::trusted;
  const core::run::RunContexts& contexts = run.machine->contexts();
  proto::JobMessage message;
  message.run = run.row.id;
  message.run_number = run.row.run_number;
  message.run_attempt = run.row.attempt;
  message.job = job.id;
  const core::run::JobPlace place = run.machine->place_of(job.key.job_id);
  message.job_key = place.job != nullptr ? place.job->id : job.key.job_id;
  message.job_name = job.name;
  const auto called =
      place.calls.empty() ? run.called.end() : run.called.find(place.workflow->file);
  const bool is_called = called != run.called.end();
  message.workflow_file = is_called ? called->first : run.workflow_path;
  message.workflow_text =
      is_called ? core::workflow::text_of_job(*place.workflow, called->second.text, message.job_key)
                : core::workflow::text_of_job(run.machine->workflow(), run.source, job.key.job_id);
  message.github = contexts.github;
  message.needs = run.machine->needs_context(job.key.job_id);
  message.inputs = place.inputs;
  message.strategy = job.plan.strategy;
  message.matrix = job.plan.matrix;
  message.vars = parts.settings.vars_of(run.repo.full_name, job.plan.environment);
  if (is_trusted) {
    auto passed = core::run::pass_secrets(
        place.calls, parts.settings.secrets_of(run.repo.full_name, job.plan.environment));
    if (!passed) {
      throw core::Exception(core::Errc::invalid, "passing the secrets of job '" + job.name +
                                                     "' on: " + passed.error().message);
    }
    message.secrets = *std::move(passed);
  }
  message.github_token = parts.github_token;
  message.id_tokens = may_have_id_tokens(job) ? proto::IdTokens::yes : proto::IdTokens::no;
  message.blob_bytes = parts.settings.config.storage.upload_bytes;
  message.trust = is_trusted ? proto::Trust::trusted : proto::Trust::untrusted;
  message.timeout = job.plan.timeout.value_or(parts.settings.config.limits.timeout);
  message.labels = job.labels;
  message.runner_name = runner_name();
  message.sandbox = sandbox_for(parts.settings, job.offer, run.row.trust);
  message.paths.log = parts.layout.log(job.id).string();
  message.paths.log_index = parts.layout.log_index(job.id).string();
  message.paths.mirror = parts.layout.mirror(run.repo.id).string();
  message.paths.trees = parts.layout.trees(run.repo.id).string();
  message.paths.roots = parts.layout.roots().string();
  message.paths.git_binary = parts.programs.git.string();
  message.paths.agent_binary = parts.programs.agent.string();
  message.repository = repository_of(run, parts);
  message.actions = actions_of(parts);
  message.confine_git = parts.settings.config.confine_git;
  message.created_at = now;
  return message;
}

}  // namespace gantry::daemon::control
