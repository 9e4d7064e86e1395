// SPDX-License-Identifier: MIT
#include "daemon/runner/job_state.hpp"

#include <sys/utsname.h>

namespace gantry::daemon::runner {
namespace {

using core::expr::Object;
using core::expr::Value;
using core::run::Conclusion;

std::string architecture() {
  utsname name{};
  if (::uname(&name) != 0) return "X64";
  const std::string_view machine = name.machine;
  if (machine == "aarch64") return "ARM64";
  if (machine.starts_with("arm")) return "ARM";
  return machine == "x86_64" ? "X64" : "X86";
}

Value named_object(const proto::NamedValues& named) {
  Object object;
  for (const auto& [name, value] : named)
    object.set(name, value);
  return Value(std::move(object));
}

Value job_object(const JobState& state) {
  Object job;
  job.set("status", core::run::to_string(state.status));
  job.set("container", Object());
  job.set("services", Object());
  return Value(std::move(job));
}

// Status of the job, and of the steps around: those of a composite action, or the job's again.
struct Statuses {
  Conclusion job, steps;
};

core::Result<Value> call_function(std::string_view name, std::span<const Value> arguments,
                                  Statuses statuses, FileHashes& hashes) {
  if (name == "always") return Value(true);
  if (name == "success") return Value(statuses.steps == Conclusion::success);
  if (name == "failure") return Value(statuses.steps == Conclusion::failure);
  if (name == "cancelled") return Value(statuses.job == Conclusion::cancelled);
  if (name != "hashfiles") {
    return core::fail(core::Errc::invalid, "Unrecognized function: '" + std::string(name) + "'");
  }
  std::vector<std::string> patterns;
  for (const Value& argument : arguments)
    patterns.push_back(argument.to_string());
  TRY(std::string hash, hashes.hash(std::move(patterns)));
  return Value(std::move(hash));
}

// A tool cache the operator shows to jobs, else one of the job's own.
std::string tool_cache(const proto::JobMessage& message, const JobFolder& folder) {
  for (const std::string& shown : message.sandbox.read_only_mounts) {
    if (shown == kSharedToolCache) return shown;
  }
  return folder.tools_inside();
}

}  // namespace

StepFiles StepFiles::named(std::string_view unique) {
  const auto name = [&](std::string_view kind) {
    return fs::path("_runner_file_commands") / (std::string(kind) + std::string(unique));
  };
  StepFiles files;
  files.env = name("set_env_");
  files.output = name("set_output_");
  files.path = name("add_path_");
  files.state = name("save_state_");
  files.summary = name("step_summary_");
  return files;
}

JobContexts::JobContexts(const proto::JobMessage& message, const JobFolder& folder,
                         FileHashes& hashes)
    : message_(message), folder_(folder), hashes_(hashes) {
  Object github;
  if (message.github.kind() == core::expr::Kind::object) github = message.github.object();
  github.set("token", message.github_token);
  github.set("job", message.job_key);
  github.set("workspace", folder.workspace_inside());
  github.set("event_path", folder.temp_inside() + "/_github_workflow/event.json");
  github_ = Value(std::move(github));

  Object runner;
  runner.set("name", message.runner_name.empty() ? "gantry" : message.runner_name);
  runner.set("os", "Linux");
  runner.set("arch", architecture());
  runner.set("temp", folder.temp_inside());
  runner.set("tool_cache", tool_cache(message, folder));
  runner.set("workspace", fs::path(folder.workspace_inside()).parent_path().string());
  runner.set("environment", "self-hosted");
  runner_ = Value(std::move(runner));

  vars_ = named_object(message.vars);
  Object secrets = named_object(message.secrets).object();
  if (!message.github_token.empty()) {
    secrets.set("github_token", message.github_token);
  }
  secrets_ = Value(std::move(secrets));
}

Evaluator JobContexts::with(const JobState& state, const Object& env, const Value& github,
                            const CompositeScope* composite) const {
  Evaluator evaluator;
  evaluator.file = message_.workflow_file;
  Object& contexts = evaluator.environment.contexts;
  contexts.set("github", github);
  contexts.set("env", env);
  if (composite == nullptr) {
    contexts.set("vars", vars_);
    contexts.set("secrets", secrets_);
    contexts.set("inputs", message_.inputs);
    contexts.set("needs", message_.needs);
    contexts.set("steps", state.steps);
  } else {
    contexts.set("inputs", composite->inputs);
    contexts.set("steps", composite->steps);
  }
  contexts.set("strategy", message_.strategy);
  contexts.set("matrix", message_.matrix);
  contexts.set("runner", runner_);
  contexts.set("job", job_object(state));
  Statuses statuses{state.status, state.status};
  if (composite != nullptr && composite->status) statuses.steps = *composite->status;
  evaluator.environment.call = [statuses, &hashes = hashes_](std::string_view name,
                                                             std::span<const Value> arguments) {
    return call_function(name, arguments, statuses, hashes);
  };
  return evaluator;
}

Evaluator JobContexts::for_job(const JobState& state) const {
  return with(state, state.env, github_, nullptr);
}

Evaluator JobContexts::for_step(const JobState& state, const Object& env, const Value& github,
                                const CompositeScope* composite) const {
  return with(state, env, github, composite);
}

Value JobContexts::github_of_step(const Value& base, std::string_view action,
                                  const StepFiles& files) const {
  Object github = base.object();
  const auto inside = [&](const fs::path& file) {
    return folder_.temp_inside() + '/' + file.string();
  };
  github.set("action", action);
  github.set("env", inside(files.env));
  github.set("output", inside(files.output));
  github.set("path", inside(files.path));
  github.set("state", inside(files.state));
  github.set("step_summary", inside(files.summary));
  return Value(std::move(github));
}

}  // namespace gantry::daemon::runner
