// SPDX-License-Identifier: MIT
#include "daemon/runner/environment.hpp"

#include <array>

namespace gantry::daemon::runner {
namespace {

using core::expr::Keys;
using core::expr::Kind;
using core::expr::Object;
using core::expr::Value;

// The keys of `github` that become GITHUB_<KEY>; never the token.
constexpr auto kGithubKeys = std::to_array<std::string_view>({"action_path",
                                                              "action_ref",
                                                              "action_repository",
                                                              "action",
                                                              "actor",
                                                              "actor_id",
                                                              "api_url",
                                                              "artifacts",
                                                              "artifacts_list",
                                                              "base_ref",
                                                              "env",
                                                              "event_name",
                                                              "event_path",
                                                              "graphql_url",
                                                              "head_ref",
                                                              "job",
                                                              "output",
                                                              "path",
                                                              "ref_name",
                                                              "ref_protected",
                                                              "ref_type",
                                                              "ref",
                                                              "repository",
                                                              "repository_id",
                                                              "repository_owner",
                                                              "repository_owner_id",
                                                              "retention_days",
                                                              "run_attempt",
                                                              "run_id",
                                                              "run_number",
                                                              "server_url",
                                                              "sha",
                                                              "state",
                                                              "step_summary",
                                                              "triggering_actor",
                                                              "workflow",
                                                              "workflow_ref",
                                                              "workflow_sha",
                                                              "workspace"});

std::string upper(std::string_view prefix, std::string_view key) {
  std::string name(prefix);
  for (const char c : key) {
    name.push_back(c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
  }
  return name;
}

bool is_usable(std::string_view name, std::string_view value) {
  return !name.empty() && name.find('=') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos && value.find('\0') == std::string_view::npos;
}

}  // namespace

std::string joined_path(std::string_view base, const std::vector<std::string>& added) {
  std::string path;
  for (auto folder = added.rbegin(); folder != added.rend(); ++folder)
    path += *folder + ':';
  return path += base;
}

void set_variables(std::vector<std::string>& environment,
                   const std::vector<std::pair<std::string, std::string>>& values) {
  for (const auto& [name, value] : values) {
    const std::string start = name + '=';
    std::erase_if(environment, [&](const std::string& one) { return one.starts_with(start); });
    environment.push_back(start + value);
  }
}

std::vector<std::string> process_environment(const EnvironmentParts& parts) {
  Object all(Keys::case_sensitive);
  all.set("HOME", "/home/runner");
  all.set("USER", "runner");
  all.set("LOGNAME", "runner");
  all.set("SHELL", "/bin/sh");
  all.set("LANG", "C.UTF-8");
  all.set("PATH", parts.path);
  all.set("CI", "true");
  for (const auto& [name, value] : parts.env.entries())
    all.set(name, value);
  all.set("PATH", joined_path(all.find("PATH")->to_string(), parts.added_path));
  all.set("GITHUB_ACTIONS", "true");
  for (const std::string_view key : kGithubKeys) {
    const Value& value = parts.github[key];
    if (!value.is_null()) all.set(upper("GITHUB_", key), value.to_string());
  }
  if (parts.runner.kind() == Kind::object) {
    for (const auto& [key, value] : parts.runner.object().entries()) {
      all.set(upper("RUNNER_", key), value.to_string());
    }
  }
  std::vector<std::string> environment;
  for (const auto& [name, value] : all.entries()) {
    std::string text = value.to_string();
    if (is_usable(name, text)) environment.push_back(name + '=' + std::move(text));
  }
  return environment;
}

}  // namespace gantry::daemon::runner
