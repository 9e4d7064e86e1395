// SPDX-License-Identifier: MIT
// The config file of gantryd (config/gantry.yaml explains every key). Read strictly: an unknown
// key, a wrong type or a value out of range is a diagnostic with its line and a hint, all at once.
// Relative paths are taken from the file's own folder. Files named here are read by the daemon.
#pragma once

#include "core/base/result.hpp"
#include "core/yaml/diagnostic.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gantry::core::config {

namespace fs = std::filesystem;

struct Listen {
  std::vector<std::string> http = {"127.0.0.1:8480"};  // host:port; [] = socket only
  fs::path socket;                                     // "" = <state>/run/gantry.sock
  unsigned socket_mode = 0600;
  std::string public_url;                   // of links in checks; "" = the first http address
  std::optional<fs::path> api_tokens_file;  // one token a line; absent = no API over TCP
};

// What a job's token may do where the workflow says nothing: read contents, or write everything.
enum class TokenPermissions { read, write };

struct GitHub {
  std::string api_url = "https://api.github.com";
  std::string server_url = "https://github.com";
  std::string clone_url = "https://github.com";  // + /owner/name.git
  std::string app_id;                            // App id or client id; "" = no App
  std::optional<fs::path> private_key_file;
  std::optional<fs::path> token_file;  // commit statuses and clones without an App
  std::vector<fs::path> webhook_secret_files;
  std::optional<fs::path> ca_file;  // "" = the system's
  TokenPermissions token_permissions = TokenPermissions::read;

  bool has_app() const { return !app_id.empty() && private_key_file.has_value(); }
};

enum class Network { none, internet, host };
std::string_view to_string(Network network);

// What jobs with `environment: name` get and wait for. One that is not declared protects nothing.
struct Environment {
  std::string name;
  std::optional<fs::path> vars_file, secrets_file;
  // Who may approve: users of this machine, "uid-N", or "api" for holders of an API token.
  std::vector<std::string> reviewers;
  std::chrono::minutes wait{0};
  std::vector<std::string> branches, tags;  // patterns; neither: every ref may deploy
};

struct Repository {
  std::string name;       // owner/name; owner/* allows an owner's every repository
  std::string clone_url;  // "" = github.clone_url/owner/name.git; a path is allowed
  std::optional<fs::path> ssh_key_file;
  std::optional<fs::path> known_hosts_file;
  std::optional<fs::path> vars_file, secrets_file;  // NAME=value lines or a YAML mapping
  std::vector<std::string> workflows;               // file names that run here; empty = all
  // Whose trusted runs may check this one out with Gantry's rights; owner/name or owner/*.
  std::vector<std::string> readable_by;

  bool is_readable_by(std::string_view full_name) const;

  std::vector<Environment> environments;

  const Environment* find_environment(std::string_view environment) const;  // ignoring case
};

enum class Pinning { any_ref, full_sha };

// Actions of other repositories, as `uses: owner/name@ref` names them.
struct Actions {
  std::vector<std::string> sources = {"https://github.com"};  // + /owner/name; tried in order
  std::vector<std::string> allow = {"*"};                     // core/workflow/action_reference.hpp
  Pinning pinning = Pinning::any_ref;
  std::chrono::seconds refresh{60};  // how long a branch or tag is taken for where it was
  std::vector<std::pair<std::string, fs::path>> node;  // node12 … node24, or "node" for all
};
inline constexpr std::string_view kNodeKeys[] = {"node", "node12", "node16", "node20", "node24"};

// What `runs-on` may ask for, and what a job with it gets.
struct Label {
  std::vector<std::string> names;
  Network network = Network::internet;
  Network untrusted_network = Network::none;  // runs from forks
};

struct Limits {
  int jobs = 0;                    // at once on this machine; 0 = CPU count
  std::uint64_t memory_bytes = 0;  // of a job; 0 = no limit
  std::uint64_t pids = 4096;
  unsigned cpu_percent = 0;                 // 100 = one CPU; 0 = no limit
  std::uint64_t output_bytes = 1ULL << 30;  // log of a job
  std::uint64_t disk_bytes = 0;             // job folder; 0 = no limit
  std::chrono::minutes timeout{360};        // where a job sets none
};

// What jobs keep in gantryd beyond their end.
struct Storage {
  std::chrono::days artifact_retention{90};  // at most, and where a job does not say
  std::uint64_t upload_bytes = 0;            // of one artifact or cache entry; 0 = no limit
  std::uint64_t cache_bytes = 10ULL << 30;   // of a repository; 0 = no limit
  std::chrono::days cache_retention{7};      // since the last use
};

// What repositories keep on disk to start jobs from.
struct Mirrors {
  std::chrono::seconds tidy{600};          // between two looks
  std::uint64_t packs = 20;                // more are put into one
  std::uint64_t trees = 4;                 // shared by jobs, of a repository
  std::uint64_t tree_bytes = 20ULL << 30;  // of all these; 0 = no limit
};

// SIGTERM: let running jobs end, leave them to the runners, or cancel all runs.
enum class OnStop { drain, stop, cancel };
enum class Confine { yes, no };

struct Config {
  fs::path state = "/var/lib/gantry";
  Listen listen;
  GitHub github;
  std::vector<Repository> repositories;
  std::vector<Label> labels = {Label{{"ubuntu-latest", "self-hosted", "linux"}}};
  Limits limits;
  Actions actions;
  Storage storage;
  Mirrors mirrors;
  std::string id_token_issuer;             // "" = listen.public_url
  std::vector<fs::path> read_only_mounts;  // of the host, seen by every job
  std::vector<std::string> path;           // PATH of jobs; empty = the usual
  std::optional<fs::path> vars_file, secrets_file;
  Confine confine_git = Confine::yes;
  OnStop on_stop = OnStop::drain;
  std::chrono::seconds drain_timeout{300};
  std::string log_level = "info";

  // The entry that allows `full_name`, nullptr when none does. A full name beats owner/*.
  const Repository* find_repository(std::string_view full_name) const;
};

struct Parsed {
  std::optional<Config> config;  // absent when there are errors
  std::vector<yaml::Diagnostic> diagnostics;
};

// `base` is the folder relative paths start from.
Parsed parse_config(std::string_view text, const fs::path& base);

// "NAME=value" lines ('#' comments, blank lines) or a flat YAML mapping: files of vars and secrets.
// Names are GitHub's: letters, digits, '_', not starting with a digit or GITHUB_.
Result<std::vector<std::pair<std::string, std::string>>> parse_name_values(std::string_view text);

}  // namespace gantry::core::config
