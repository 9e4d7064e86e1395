// SPDX-License-Identifier: MIT
#include "proto/runner_protocol.hpp"

#include "proto/json_fields.hpp"

#include <array>

namespace gantry::proto {
namespace {

using core::expr::Object;
using core::expr::Value;

constexpr std::array<std::string_view, 2> kTrust = {"trusted", "untrusted"};
constexpr std::array<std::string_view, 2> kPinning = {"any_ref", "full_sha"};
constexpr std::array<std::string_view, 2> kIdTokens = {"no", "yes"};
constexpr std::array<std::string_view, 2> kConfine = {"yes", "no"};
constexpr std::array<std::string_view, 3> kNetworks = {"none", "internet", "host"};

Value size_value(std::uint64_t size) {
  return Value(static_cast<std::int64_t>(size));
}

Value sandbox_value(const JobSandbox& sandbox) {
  Object object;
  object.set("root", sandbox.root);
  object.set("network", kNetworks[static_cast<std::size_t>(sandbox.network)]);
  object.set("read_only_mounts", to_value(sandbox.read_only_mounts));
  object.set("path", to_value(sandbox.path));
  object.set("memory_bytes", size_value(sandbox.memory_bytes));
  object.set("pids", size_value(sandbox.pids));
  object.set("cpu_percent", size_value(sandbox.cpu_percent));
  object.set("output_bytes", size_value(sandbox.output_bytes));
  object.set("disk_bytes", size_value(sandbox.disk_bytes));
  return Value(std::move(object));
}

JobSandbox sandbox_from(JsonFields& fields) {
  JobSandbox sandbox;
  sandbox.root = fields.text("root", sandbox.root);
  sandbox.network = static_cast<core::config::Network>(fields.choice("network", kNetworks));
  sandbox.read_only_mounts = fields.texts("read_only_mounts");
  sandbox.path = fields.texts("path");
  sandbox.memory_bytes = fields.size("memory_bytes");
  sandbox.pids = fields.size("pids");
  sandbox.cpu_percent = static_cast<unsigned>(fields.size("cpu_percent"));
  sandbox.output_bytes = fields.size("output_bytes");
  sandbox.disk_bytes = fields.size("disk_bytes");
  return sandbox;
}

Value paths_value(const JobPaths& paths) {
  Object object;
  object.set("log", paths.log);
  object.set("log_index", paths.log_index);
  object.set("mirror", paths.mirror);
  object.set("trees", paths.trees);
  object.set("roots", paths.roots);
  object.set("git_binary", paths.git_binary);
  object.set("agent_binary", paths.agent_binary);
  return Value(std::move(object));
}

JobPaths paths_from(JsonFields& fields) {
  JobPaths paths;
  paths.log = fields.text("log");
  paths.log_index = fields.text("log_index");
  paths.mirror = fields.text("mirror");
  paths.trees = fields.text("trees");
  paths.roots = fields.text("roots");
  paths.git_binary = fields.text("git_binary");
  paths.agent_binary = fields.text("agent_binary");
  return paths;
}

Value repository_value(const JobRepository& repository) {
  Object object;
  object.set("full_name", repository.full_name);
  object.set("server_url", repository.server_url);
  object.set("clone_url", repository.clone_url);
  object.set("token", repository.token);
  object.set("ssh_key_file", repository.ssh_key_file);
  object.set("known_hosts_file", repository.known_hosts_file);
  object.set("clone_base", repository.clone_base);
  object.set("ca_file", repository.ca_file);
  return Value(std::move(object));
}

JobRepository repository_from(JsonFields& fields) {
  JobRepository repository;
  repository.full_name = fields.text("full_name");
  repository.server_url = fields.text("server_url");
  repository.clone_url = fields.text("clone_url");
  repository.token = fields.text("token");
  repository.ssh_key_file = fields.text("ssh_key_file");
  repository.known_hosts_file = fields.text("known_hosts_file");
  repository.clone_base = fields.text("clone_base");
  repository.ca_file = fields.text("ca_file");
  return repository;
}

Value actions_value(const JobActions& actions) {
  Object object;
  object.set("sources", to_value(actions.sources));
  object.set("allow", to_value(actions.allow));
  object.set("pinning", kPinning[static_cast<std::size_t>(actions.pinning)]);
  object.set("refresh_seconds", std::int64_t{actions.refresh.count()});
  object.set("store", actions.store);
  object.set("node", to_value(actions.node));
  return Value(std::move(object));
}

JobActions actions_from(JsonFields& fields) {
  JobActions actions;
  actions.sources = fields.texts("sources");
  actions.allow = fields.texts("allow");
  actions.pinning = static_cast<core::config::Pinning>(fields.choice("pinning", kPinning));
  actions.refresh = std::chrono::seconds(fields.integer("refresh_seconds", 60));
  actions.store = fields.text("store");
  actions.node = fields.named_texts("node");
  return actions;
}

void read_identity(JsonFields& fields, JobMessage& message) {
  message.run.value = fields.integer("run");
  message.run_number = fields.integer("run_number");
  message.run_attempt = static_cast<int>(fields.integer("run_attempt", 1));
  message.job.value = fields.integer("job");
  message.job_key = fields.text("job_key");
  message.job_name = fields.text("job_name");
  message.workflow_file = fields.text("workflow_file");
  message.workflow_text = fields.text("workflow_text");
  message.labels = fields.texts("labels");
  message.runner_name = fields.text("runner_name");
  message.created_at = fields.time("created_at").value_or(core::Timestamp{});
  message.timeout = std::chrono::milliseconds(fields.integer("timeout_ms", 21'600'000));
  message.cancel_timeout = std::chrono::minutes(fields.integer("cancel_timeout_minutes", 5));
}

void read_contexts(JsonFields& fields, JobMessage& message) {
  message.github = fields.value("github");
  message.needs = fields.value("needs");
  message.inputs = fields.value("inputs");
  message.strategy = fields.value("strategy");
  message.matrix = fields.value("matrix");
  message.vars = fields.named_texts("vars");
  message.secrets = fields.named_texts("secrets");
  message.github_token = fields.text("github_token");
  message.masks = fields.texts("masks");
  // Absent trust is the careful one.
  message.trust = static_cast<Trust>(fields.choice("trust", kTrust, 1));
  message.id_tokens = static_cast<IdTokens>(fields.choice("id_tokens", kIdTokens));
  message.blob_bytes = fields.size("blob_bytes");
}

void write_contexts(const JobMessage& message, Object& object) {
  object.set("github", message.github);
  object.set("needs", message.needs);
  object.set("inputs", message.inputs);
  object.set("strategy", message.strategy);
  object.set("matrix", message.matrix);
  object.set("vars", to_value(message.vars));
  object.set("secrets", to_value(message.secrets));
  object.set("github_token", message.github_token);
  object.set("masks", to_value(message.masks));
  object.set("trust", kTrust[static_cast<std::size_t>(message.trust)]);
  object.set("id_tokens", kIdTokens[static_cast<std::size_t>(message.id_tokens)]);
  object.set("blob_bytes", size_value(message.blob_bytes));
}

Value message_value(const JobMessage& message) {
  Object object;
  object.set("protocol", message.protocol);
  object.set("run", message.run.value);
  object.set("run_number", message.run_number);
  object.set("run_attempt", message.run_attempt);
  object.set("job", message.job.value);
  object.set("job_key", message.job_key);
  object.set("job_name", message.job_name);
  object.set("workflow_file", message.workflow_file);
  object.set("workflow_text", message.workflow_text);
  object.set("labels", to_value(message.labels));
  object.set("runner_name", message.runner_name);
  object.set("created_at", to_value(message.created_at));
  object.set("timeout_ms", std::int64_t{message.timeout.count()});
  object.set("cancel_timeout_minutes", std::int64_t{message.cancel_timeout.count()});
  write_contexts(message, object);
  object.set("sandbox", sandbox_value(message.sandbox));
  object.set("paths", paths_value(message.paths));
  object.set("repository", repository_value(message.repository));
  object.set("actions", actions_value(message.actions));
  object.set("confine_git", kConfine[static_cast<std::size_t>(message.confine_git)]);
  return Value(std::move(object));
}

core::Result<JobMessage> message_from(const Value& value) {
  JsonFields fields(value, "job message");
  if (auto version = check_protocol(fields, "job message", kRunnerProtocol); !version) {
    return core::fail(version.error());
  }
  JobMessage message;
  read_identity(fields, message);
  read_contexts(fields, message);
  JsonFields sandbox(fields.value("sandbox"), "job message's sandbox");
  JsonFields paths(fields.value("paths"), "job message's paths");
  JsonFields repository(fields.value("repository"), "job message's repository");
  JsonFields actions(fields.value("actions"), "job message's actions");
  message.sandbox = sandbox_from(sandbox);
  message.paths = paths_from(paths);
  message.repository = repository_from(repository);
  message.actions = actions_from(actions);
  message.confine_git = static_cast<core::config::Confine>(fields.choice("confine_git", kConfine));
  for (const JsonFields* part : {&fields, &sandbox, &paths, &repository, &actions}) {
    if (part->error()) return core::fail(*part->error());
  }
  return message;
}

constexpr std::string_view kPrepareBegins = R"({"prepare":)";

}  // namespace

std::string sandbox_group(std::string_view folder) {
  return "runner-" + std::string(folder.substr(folder.rfind('/') + 1));
}

std::string encode(const RunnerPrepare& prepare) {
  Object object;
  object.set("prepare", true);  // first: it tells the line's kind
  object.set("protocol", prepare.protocol);
  object.set("folder", prepare.folder);
  object.set("sandbox", sandbox_value(prepare.sandbox));
  object.set("agent_binary", prepare.agent_binary);
  object.set("roots", prepare.roots);
  return core::expr::to_json(Value(std::move(object)));
}

bool is_runner_prepare(std::string_view json) {
  return json.starts_with(kPrepareBegins);
}

core::Result<RunnerPrepare> decode_runner_prepare(std::string_view json) {
  TRY(const Value value, core::expr::parse_json(json));
  JsonFields fields(value, "runner's first line");
  if (auto version = check_protocol(fields, "runner's first line", kRunnerProtocol); !version) {
    return core::fail(version.error());
  }
  JsonFields sandbox(fields.value("sandbox"), "sandbox of the runner's first line");
  RunnerPrepare prepare;
  prepare.folder = fields.text("folder");
  prepare.sandbox = sandbox_from(sandbox);
  prepare.agent_binary = fields.text("agent_binary");
  prepare.roots = fields.text("roots");
  if (prepare.folder.empty()) fields.wrong("folder", "the job's folder");
  for (const JsonFields* part : {&fields, &sandbox}) {
    if (part->error()) return core::fail(*part->error());
  }
  return prepare;
}

std::string encode(const RunnerStart& start) {
  Object object;
  object.set("protocol", start.protocol);
  object.set("socket", start.socket);
  object.set("token", start.token);
  object.set("job", start.job.value);
  object.set("folder", start.folder);
  if (start.message) object.set("message", message_value(*start.message));
  return core::expr::to_json(Value(std::move(object)));
}

core::Result<RunnerStart> decode_runner_start(std::string_view json) {
  TRY(const Value value, core::expr::parse_json(json));
  JsonFields fields(value, "runner's start line");
  if (auto version = check_protocol(fields, "runner's start line", kRunnerProtocol); !version) {
    return core::fail(version.error());
  }
  RunnerStart start;
  start.socket = fields.text("socket");
  start.token = fields.text("token");
  start.job.value = fields.integer("job");
  start.folder = fields.text("folder");
  if (start.socket.empty()) fields.wrong("socket", "the path of gantryd's socket");
  if (start.folder.empty()) fields.wrong("folder", "the job's folder");
  if (fields.error()) return core::fail(*fields.error());
  if (const Value& message = fields.value("message"); !message.is_null()) {
    TRY(start.message, message_from(message));
  }
  return start;
}

std::string encode(const JobMessage& message) {
  return core::expr::to_json(message_value(message));
}

core::Result<JobMessage> decode_job_message(std::string_view json) {
  TRY(const Value value, core::expr::parse_json(json));
  return message_from(value);
}

}  // namespace gantry::proto
