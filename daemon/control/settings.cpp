// SPDX-License-Identifier: MIT
#include "daemon/control/settings.hpp"

#include "core/base/files.hpp"
#include "core/base/text.hpp"

#include <sys/stat.h>

#include <algorithm>

namespace gantry::daemon::control {
namespace {

using core::Errc;
using core::Exception;

// A file with secrets that others can read is refused: it would leak to every local user.
std::string read_secret_file(std::string_view key, const core::fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && (status.st_mode & 0007U) != 0) {
    throw Exception(Errc::denied, "reading " + std::string(key) + " '" + path.string() +
                                      "': every user of this machine can read it; chmod 600 it");
  }
  try {
    return core::read_file(path);
  } catch (Exception& error) {
    core::Error inner = error.error();
    throw Exception(std::move(inner).while_doing("reading " + std::string(key)));
  }
}

std::string trimmed(const std::string& text) {
  return std::string(core::trim(text));
}

NamedValues read_values(std::string_view key, const std::optional<core::fs::path>& path) {
  if (!path) return {};
  const std::string text = read_secret_file(key, *path);
  return core::or_throw(core::config::parse_name_values(text),
                        "reading " + std::string(key) + " '" + path->string() + "'");
}

void merge(NamedValues& into, const NamedValues& over) {
  for (const auto& given : over) {
    const auto found = std::find_if(into.begin(), into.end(), [&](const auto& item) {
      return core::equals_ignoring_case(item.first, given.first);
    });
    if (found == into.end()) {
      into.push_back(given);
    } else {
      found->second = given.second;
    }
  }
}

NamedValues values_of(const core::config::Config& config, const NamedValues& common,
                      const std::map<std::string, NamedValues>& own, std::string_view repository) {
  NamedValues values = common;
  const core::config::Repository* entry = config.find_repository(repository);
  const auto found = entry == nullptr ? own.end() : own.find(entry->name);
  if (found != own.end()) merge(values, found->second);
  return values;
}

std::string environment_key(const core::config::Repository& entry, std::string_view environment) {
  return core::to_lower(entry.name + "/" + std::string(environment));
}

void merge_environment(NamedValues& into, const core::config::Config& config,
                       const std::map<std::string, NamedValues>& own, std::string_view repository,
                       std::string_view environment) {
  const core::config::Repository* entry = config.find_repository(repository);
  if (entry == nullptr || environment.empty()) return;
  const auto found = own.find(environment_key(*entry, environment));
  if (found != own.end()) merge(into, found->second);
}

}  // namespace

std::string Settings::public_url() const {
  if (!config.listen.public_url.empty()) return config.listen.public_url;
  return config.listen.http.empty() ? "" : "http://" + config.listen.http.front();
}

NamedValues Settings::vars_of(std::string_view repository) const {
  return values_of(config, vars, repository_vars, repository);
}

NamedValues Settings::secrets_of(std::string_view repository) const {
  return values_of(config, secrets, repository_secrets, repository);
}

NamedValues Settings::vars_of(std::string_view repository, std::string_view environment) const {
  NamedValues values = vars_of(repository);
  merge_environment(values, config, environment_vars, repository, environment);
  return values;
}

NamedValues Settings::secrets_of(std::string_view repository, std::string_view environment) const {
  NamedValues values = secrets_of(repository);
  merge_environment(values, config, environment_secrets, repository, environment);
  return values;
}

std::string Settings::clone_url_of(std::string_view repository) const {
  const core::config::Repository* entry = config.find_repository(repository);
  if (entry != nullptr && !entry->clone_url.empty()) return entry->clone_url;
  return config.github.clone_url + "/" + std::string(repository) + ".git";
}

core::workflow::Permissions default_permissions(const core::config::GitHub& github) {
  using core::workflow::AccessLevel;
  using core::workflow::Permissions;
  if (github.token_permissions == core::config::TokenPermissions::write) {
    return Permissions::all(AccessLevel::write);
  }
  Permissions permissions;
  permissions.set("contents", AccessLevel::read);
  return permissions;
}

Settings read_settings(core::config::Config config) {
  Settings settings;
  for (const auto& path : config.github.webhook_secret_files) {
    const std::string secret = trimmed(read_secret_file("github.webhook_secret_files", path));
    if (secret.empty()) {
      throw Exception(Errc::invalid, "reading github.webhook_secret_files '" + path.string() +
                                         "': the file is empty; put the webhook's secret there");
    }
    settings.webhook_secrets.push_back(secret);
  }
  if (config.listen.api_tokens_file) {
    const std::string text =
        read_secret_file("listen.api_tokens_file", *config.listen.api_tokens_file);
    for (const std::string_view line : core::split(text, '\n')) {
      const std::string_view token = core::trim(line);
      if (!token.empty() && !token.starts_with('#')) settings.api_tokens.emplace_back(token);
    }
  }
  if (config.github.private_key_file) {
    settings.app_key = read_secret_file("github.private_key_file", *config.github.private_key_file);
  }
  if (config.github.token_file) {
    settings.personal_token =
        trimmed(read_secret_file("github.token_file", *config.github.token_file));
  }
  settings.vars = read_values("vars_file", config.vars_file);
  settings.secrets = read_values("secrets_file", config.secrets_file);
  for (const core::config::Repository& repository : config.repositories) {
    settings.repository_vars[repository.name] =
        read_values("vars_file of repository '" + repository.name + "'", repository.vars_file);
    settings.repository_secrets[repository.name] = read_values(
        "secrets_file of repository '" + repository.name + "'", repository.secrets_file);
    for (const core::config::Environment& environment : repository.environments) {
      const std::string key = environment_key(repository, environment.name);
      const std::string of = " of environment '" + environment.name + "'";
      settings.environment_vars[key] = read_values("vars_file" + of, environment.vars_file);
      settings.environment_secrets[key] =
          read_values("secrets_file" + of, environment.secrets_file);
    }
  }
  settings.config = std::move(config);
  return settings;
}

}  // namespace gantry::daemon::control
