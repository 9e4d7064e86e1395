// SPDX-License-Identifier: MIT
#include "core/config/config.hpp"

#include "core/base/text.hpp"
#include "core/config/reader.hpp"
#include "core/yaml/node.hpp"

#include <algorithm>

namespace gantry::core::config {
namespace {

const std::vector<std::string> kNetworks = {"none", "internet", "host"};
const std::vector<std::string> kUntrustedNetworks = {"none", "internet"};
const std::vector<std::string> kTokenPermissions = {"read", "write"};
const std::vector<std::string> kOnStop = {"drain", "stop", "cancel"};
const std::vector<std::string> kLogLevels = {"error", "warn", "info", "debug"};

bool is_http_url(const std::string& text) {
  return text.starts_with("http://") || text.starts_with("https://");
}

// `https://token@host/`, `user:password@`: addresses stand in logs, errors and the database.
bool has_password(std::string_view url) {
  const bool is_http = is_http_url(std::string(url));  // ssh://git@host is only a name
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return false;
  url.remove_prefix(scheme + 3);
  const std::string_view authority = url.substr(0, url.find_first_of("/?#"));
  const std::size_t at = authority.rfind('@');
  if (at == std::string_view::npos) return false;
  return is_http || authority.substr(0, at).find(':') != std::string_view::npos;
}

void refuse_password(Section& section, std::string_view key, const std::string& url) {
  if (!has_password(url)) return;
  section.state().error(section.position_of(key),
                        "'" + std::string(key) + "' holds a password, which logs would show",
                        "put it into github.token_file, or use an ssh key");
}

void read_url(Section& section, std::string_view key, std::string& into) {
  section.text(key, into);
  while (into.ends_with('/'))
    into.pop_back();
  if (!into.empty() && !is_http_url(into)) {
    section.state().error(section.position_of(key),
                          "'" + std::string(key) + "' must be an http or https address",
                          "for example https://ci.example.org");
  }
  refuse_password(section, key, into);
}

void read_listen(Section& section, Listen& listen) {
  section.texts("http", listen.http);
  section.path("socket", listen.socket);
  std::string mode;
  section.text("socket_mode", mode);
  if (!mode.empty()) {
    std::size_t used = 0;
    unsigned long value = 0;
    const bool octal = mode.find_first_not_of("01234567") == std::string::npos && mode.size() <= 4;
    if (octal) value = std::stoul(mode, &used, 8);
    if (!octal || value > 0777) {
      section.state().error(section.position_of("socket_mode"),
                            "'listen.socket_mode' must be an octal mode", "for example \"0660\"");
    }
    listen.socket_mode = static_cast<unsigned>(value);
  }
  read_url(section, "public_url", listen.public_url);
  section.path("api_tokens_file", listen.api_tokens_file);
}

void read_github(Section& section, GitHub& github) {
  read_url(section, "api_url", github.api_url);
  read_url(section, "server_url", github.server_url);
  read_url(section, "clone_url", github.clone_url);
  section.text("app_id", github.app_id);
  section.path("private_key_file", github.private_key_file);
  section.path("token_file", github.token_file);
  section.paths("webhook_secret_files", github.webhook_secret_files);
  section.path("ca_file", github.ca_file);
  auto permissions = static_cast<std::size_t>(github.token_permissions);
  section.word("token_permissions", kTokenPermissions, permissions);
  github.token_permissions = static_cast<TokenPermissions>(permissions);
  if (github.app_id.empty() != !github.private_key_file.has_value()) {
    section.state().error(section.position_of("app_id"),
                          "'github.app_id' and 'github.private_key_file' go together",
                          "give both, or neither");
  }
}

Environment read_environment(Section& section) {
  Environment environment;
  section.text("name", environment.name);
  if (environment.name.empty()) {
    section.state().error(section.position_of("name"), "'environments.name' is missing",
                          "for example production");
  }
  section.path("vars_file", environment.vars_file);
  section.path("secrets_file", environment.secrets_file);
  section.texts("reviewers", environment.reviewers);
  std::int64_t wait = 0;
  section.number("wait_minutes", wait, 0, 43'200);
  environment.wait = std::chrono::minutes(wait);
  section.texts("branches", environment.branches);
  section.texts("tags", environment.tags);
  return environment;
}

Repository read_repository(Section& section) {
  Repository repository;
  section.text("name", repository.name);
  const std::size_t slash = repository.name.find('/');
  if (slash == std::string::npos || slash == 0 || slash + 1 == repository.name.size() ||
      repository.name.find('/', slash + 1) != std::string::npos) {
    section.state().error(section.position_of("name"), "'repositories.name' must be owner/name",
                          "owner/* allows every repository of an owner");
  }
  section.text("clone_url", repository.clone_url);
  refuse_password(section, "clone_url", repository.clone_url);
  section.path("ssh_key_file", repository.ssh_key_file);
  section.path("known_hosts_file", repository.known_hosts_file);
  section.texts("workflows", repository.workflows);
  section.texts("readable_by", repository.readable_by);
  section.path("vars_file", repository.vars_file);
  section.path("secrets_file", repository.secrets_file);
  section.sections("environments", [&](Section& environment) {
    repository.environments.push_back(read_environment(environment));
  });
  return repository;
}

Label read_label(Section& section) {
  Label label;
  section.texts("names", label.names);
  if (label.names.empty()) {
    section.state().error(section.position_of("names"), "'labels.names' must have a name",
                          "for example [ubuntu-latest, self-hosted]");
  }
  auto network = static_cast<std::size_t>(label.network);
  section.word("network", kNetworks, network);
  label.network = static_cast<Network>(network);
  auto untrusted = static_cast<std::size_t>(label.untrusted_network);
  section.word("untrusted_network", kUntrustedNetworks, untrusted);
  label.untrusted_network = static_cast<Network>(untrusted);
  return label;
}

void read_limits(Section& section, Limits& limits) {
  std::int64_t jobs = limits.jobs, cpu = limits.cpu_percent, minutes = limits.timeout.count();
  auto pids = static_cast<std::int64_t>(limits.pids);
  section.number("jobs", jobs, 0, 10'000);
  section.size("memory", limits.memory_bytes);
  section.number("pids", pids, 0, 4'000'000);
  section.number("cpu_percent", cpu, 0, 100'000);
  section.size("output", limits.output_bytes);
  section.size("disk", limits.disk_bytes);
  section.number("timeout_minutes", minutes, 1, std::int64_t{60} * 24 * 35);
  limits.jobs = static_cast<int>(jobs);
  limits.pids = static_cast<std::uint64_t>(pids);
  limits.cpu_percent = static_cast<unsigned>(cpu);
  limits.timeout = std::chrono::minutes(minutes);
}

void read_actions(Section& section, Actions& actions) {
  section.texts("sources", actions.sources);
  for (std::string& source : actions.sources) {
    while (source.size() > 1 && source.ends_with('/'))
      source.pop_back();
    refuse_password(section, "sources", source);
    const bool is_url = is_http_url(source);
    if (source.empty() || (!is_url && source.find("://") != std::string::npos)) {
      section.state().error(section.position_of("sources"),
                            "'actions.sources' must be https addresses or folders",
                            "repositories lie at SOURCE/owner/name");
    } else if (!is_url) {
      source = (section.state().base / source).lexically_normal().string();
    }
  }
  section.texts("allow", actions.allow);
  bool require_sha = actions.pinning == Pinning::full_sha;
  section.yes_no("require_sha", require_sha);
  actions.pinning = require_sha ? Pinning::full_sha : Pinning::any_ref;
  std::int64_t refresh = actions.refresh.count();
  section.number("refresh_seconds", refresh, 0, 86'400);
  actions.refresh = std::chrono::seconds(refresh);
  section.section("node", [&](Section& node) {
    for (const std::string_view key : kNodeKeys) {
      std::optional<fs::path> program;
      node.path(key, program);
      if (program) actions.node.emplace_back(key, *program);
    }
  });
}

void read_storage(Section& section, Storage& storage) {
  std::int64_t artifacts = storage.artifact_retention.count();
  std::int64_t caches = storage.cache_retention.count();
  section.number("artifact_days", artifacts, 1, 400);
  section.size("upload", storage.upload_bytes);
  section.size("cache", storage.cache_bytes);
  section.number("cache_days", caches, 1, 400);
  storage.artifact_retention = std::chrono::days(artifacts);
  storage.cache_retention = std::chrono::days(caches);
}

void read_mirrors(Section& section, Mirrors& mirrors) {
  std::int64_t tidy = mirrors.tidy.count();
  auto packs = static_cast<std::int64_t>(mirrors.packs);
  auto trees = static_cast<std::int64_t>(mirrors.trees);
  section.number("tidy_seconds", tidy, 1, 86'400);
  section.number("packs", packs, 1, 1000);
  section.number("trees", trees, 0, 1000);
  section.size("tree_size", mirrors.tree_bytes);
  mirrors.tidy = std::chrono::seconds(tidy);
  mirrors.packs = static_cast<std::uint64_t>(packs);
  mirrors.trees = static_cast<std::uint64_t>(trees);
}

void read_all(Section& file, Config& config) {
  file.path("state", config.state);
  file.section("listen", [&](Section& section) { read_listen(section, config.listen); });
  file.section("github", [&](Section& section) { read_github(section, config.github); });
  file.sections("repositories",
                [&](Section& section) { config.repositories.push_back(read_repository(section)); });
  std::vector<Label> labels;
  file.sections("labels", [&](Section& section) { labels.push_back(read_label(section)); });
  if (!labels.empty()) config.labels = std::move(labels);
  file.section("limits", [&](Section& section) { read_limits(section, config.limits); });
  file.section("actions", [&](Section& section) { read_actions(section, config.actions); });
  file.section("storage", [&](Section& section) { read_storage(section, config.storage); });
  file.section("mirrors", [&](Section& section) { read_mirrors(section, config.mirrors); });
  read_url(file, "id_token_issuer", config.id_token_issuer);
  file.paths("read_only_mounts", config.read_only_mounts);
  file.texts("path", config.path);
  file.path("vars_file", config.vars_file);
  file.path("secrets_file", config.secrets_file);
  bool confine = config.confine_git == Confine::yes;
  file.yes_no("confine_git", confine);
  config.confine_git = confine ? Confine::yes : Confine::no;
  auto on_stop = static_cast<std::size_t>(config.on_stop);
  file.word("on_stop", kOnStop, on_stop);
  config.on_stop = static_cast<OnStop>(on_stop);
  std::int64_t drain = config.drain_timeout.count();
  file.number("drain_seconds", drain, 0, 86'400);
  config.drain_timeout = std::chrono::seconds(drain);
  auto level = static_cast<std::size_t>(
      std::find(kLogLevels.begin(), kLogLevels.end(), config.log_level) - kLogLevels.begin());
  file.word("log_level", kLogLevels, level);
  config.log_level = kLogLevels[level];
  file.finish();
}

bool is_name(std::string_view name) {
  if (name.empty() || (name.front() >= '0' && name.front() <= '9')) return false;
  if (core::to_lower(name).starts_with("github_")) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  });
}

Error bad_name(int line, std::string_view name) {
  return Error{Errc::invalid,
               "line " + std::to_string(line) + ": '" + std::string(name) +
                   "' is no name; letters, digits and '_', not starting with a digit or GITHUB_"};
}

}  // namespace

std::string_view to_string(Network network) {
  switch (network) {
    case Network::none:
      return "none";
    case Network::internet:
      return "internet";
    case Network::host:
      return "host";
  }
  return "none";
}

namespace {

// "owner/*" names every repository of the owner.
bool is_of_owner(std::string_view pattern, std::string_view full_name) {
  return pattern.ends_with("/*") && full_name.size() >= pattern.size() &&
         core::equals_ignoring_case(pattern.substr(0, pattern.size() - 1),
                                    full_name.substr(0, pattern.size() - 1));
}

}  // namespace

bool Repository::is_readable_by(std::string_view full_name) const {
  return std::any_of(readable_by.begin(), readable_by.end(), [&](const std::string& pattern) {
    return core::equals_ignoring_case(pattern, full_name) || is_of_owner(pattern, full_name);
  });
}

const Environment* Repository::find_environment(std::string_view environment) const {
  for (const Environment& item : environments) {
    if (core::equals_ignoring_case(item.name, environment)) return &item;
  }
  return nullptr;
}

const Repository* Config::find_repository(std::string_view full_name) const {
  const Repository* of_owner = nullptr;
  for (const Repository& repository : repositories) {
    if (core::equals_ignoring_case(repository.name, full_name)) return &repository;
    if (is_of_owner(repository.name, full_name)) of_owner = &repository;
  }
  return of_owner;
}

Parsed parse_config(std::string_view text, const fs::path& base) {
  Parsed parsed;
  yaml::Document document = yaml::parse(text);
  ReadState state;
  state.diagnostics = std::move(document.diagnostics);
  state.base = base;
  Config config;
  if (document.root) {
    Section file(state, &*document.root, "");
    read_all(file, config);
  }
  if (document.root && !yaml::has_errors(state.diagnostics)) parsed.config = std::move(config);
  parsed.diagnostics = std::move(state.diagnostics);
  std::stable_sort(parsed.diagnostics.begin(), parsed.diagnostics.end(),
                   [](const auto& a, const auto& b) { return a.position < b.position; });
  return parsed;
}

Result<std::vector<std::pair<std::string, std::string>>> parse_name_values(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> values;
  // A mapping is told by its first meaningful line: NAME: against NAME=.
  int number = 0;
  bool is_yaml = false;
  for (const std::string_view line : core::split(text, '\n')) {
    const std::string_view trimmed = core::trim(line);
    if (trimmed.empty() || trimmed.starts_with('#')) continue;
    is_yaml = trimmed.find('=') == std::string_view::npos || trimmed.find(':') < trimmed.find('=');
    break;
  }
  if (is_yaml) {
    const yaml::Document document = yaml::parse(text);
    if (!document.root || document.root->kind != yaml::NodeKind::mapping) {
      return fail(Errc::invalid, "expected NAME=value lines or a YAML mapping");
    }
    for (const auto& [key, value] : document.root->entries) {
      if (!is_name(key.text)) return fail(bad_name(key.position.line, key.text));
      if (!value.is_scalar()) {
        return fail(Errc::invalid, "line " + std::to_string(value.position.line) +
                                       ": the value of '" + key.text + "' must be text");
      }
      values.emplace_back(key.text, value.kind == yaml::NodeKind::null ? "" : value.text);
    }
    return values;
  }
  for (std::string_view line : core::split(text, '\n')) {
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::string_view trimmed = core::trim(line);
    if (trimmed.empty() || trimmed.starts_with('#')) continue;
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) {
      return fail(Errc::invalid, "line " + std::to_string(number) + ": expected NAME=value");
    }
    const std::string_view name = core::trim(line.substr(0, equals));
    if (!is_name(name)) return fail(bad_name(number, name));
    values.emplace_back(name, line.substr(equals + 1));
  }
  return values;
}

}  // namespace gantry::core::config
