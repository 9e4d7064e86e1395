// SPDX-License-Identifier: MIT
#include "core/config/config.hpp"

#include "core/base/files.hpp"

#include <doctest/doctest.h>

using namespace gantry::core;
using namespace gantry::core::config;

namespace {

std::string errors_of(std::string_view text) {
  const Parsed parsed = parse_config(text, "/etc/gantry");
  std::string all;
  for (const auto& item : parsed.diagnostics) {
    all += std::to_string(item.position.line) + ": " + item.message +
           (item.hint.empty() ? "" : "; " + item.hint) + "\n";
  }
  CHECK_FALSE(parsed.config.has_value());
  return all;
}

}  // namespace

TEST_CASE("config: the commented sample is the defaults") {
  const std::string text = read_file(fs::path(GANTRY_SOURCE_DIR) / "config/gantry.yaml");
  const Parsed parsed = parse_config(text, "/etc/gantry");
  REQUIRE(parsed.config);
  const Config defaults;
  CHECK(parsed.config->state == defaults.state);
  CHECK(parsed.config->listen.http == defaults.listen.http);
  CHECK(parsed.config->listen.socket_mode == defaults.listen.socket_mode);
  CHECK(parsed.config->github.api_url == defaults.github.api_url);
  CHECK(parsed.config->labels.size() == 1);
  CHECK(parsed.config->labels[0].names == defaults.labels[0].names);
  CHECK(parsed.config->labels[0].untrusted_network == Network::none);
  CHECK(parsed.config->limits.output_bytes == defaults.limits.output_bytes);
  CHECK(parsed.config->limits.timeout == defaults.limits.timeout);
  CHECK(parsed.config->storage.artifact_retention == defaults.storage.artifact_retention);
  CHECK(parsed.config->storage.upload_bytes == defaults.storage.upload_bytes);
  CHECK(parsed.config->storage.cache_bytes == defaults.storage.cache_bytes);
  CHECK(parsed.config->storage.cache_retention == defaults.storage.cache_retention);
  CHECK(parsed.config->mirrors.tidy == defaults.mirrors.tidy);
  CHECK(parsed.config->mirrors.packs == defaults.mirrors.packs);
  CHECK(parsed.config->mirrors.trees == defaults.mirrors.trees);
  CHECK(parsed.config->mirrors.tree_bytes == defaults.mirrors.tree_bytes);
  CHECK(parsed.config->drain_timeout == defaults.drain_timeout);
  CHECK(parsed.config->log_level == defaults.log_level);
  CHECK(parsed.config->actions.sources == defaults.actions.sources);
  CHECK(parsed.config->actions.allow == defaults.actions.allow);
  CHECK(parsed.config->actions.pinning == defaults.actions.pinning);
  CHECK(parsed.config->actions.refresh == defaults.actions.refresh);
  CHECK(parsed.config->actions.node.empty());
}

TEST_CASE("config: where actions come from, which are allowed and what runs them") {
  const Parsed parsed = parse_config(R"(
actions:
  sources: [mirrors/, "https://git.example.org/"]
  allow: [actions/*]
  require_sha: true
  refresh_seconds: 0
  node: {node: /opt/node/bin/node, node24: n24}
)",
                                     "/etc/gantry");
  REQUIRE(parsed.config);
  const Actions& actions = parsed.config->actions;
  CHECK(actions.sources ==
        std::vector<std::string>{"/etc/gantry/mirrors", "https://git.example.org"});
  CHECK(actions.pinning == Pinning::full_sha);
  CHECK(actions.refresh == std::chrono::seconds(0));
  REQUIRE(actions.node.size() == 2);
  CHECK(actions.node[1].first == "node24");
  CHECK(actions.node[1].second == "/etc/gantry/n24");
  CHECK(errors_of("actions:\n  sources: [\"https://me:pw@x.org\"]\n").find("password") !=
        std::string::npos);
  CHECK(errors_of("actions:\n  sources: [\"ssh://x\"]\n").find("https addresses or folders") !=
        std::string::npos);
  CHECK(errors_of("actions: {node: {node21: /x}}\n").find("unknown key") != std::string::npos);
}

TEST_CASE("config: an empty file is the defaults") {
  CHECK(parse_config("", "/").config.has_value());
}

TEST_CASE("config: values are read and relative paths start at the file's folder") {
  const Parsed parsed = parse_config(R"(
state: /srv/gantry
listen: {http: [], socket_mode: "0660", public_url: "https://ci.example.org/"}
github:
  app_id: 123
  private_key_file: key.pem
  webhook_secret_files: [new, /old]
repositories:
  - name: octo/*
  - {name: octo/special, clone_url: /git/special, workflows: ci.yml}
labels:
  - {names: [linux], network: host, untrusted_network: internet}
limits: {jobs: 3, memory: 2G, output: 10M, timeout_minutes: 5}
confine_git: false
on_stop: stop
)",
                                     "/etc/gantry");
  REQUIRE(parsed.config);
  const Config& c = *parsed.config;
  CHECK(c.listen.http.empty());
  CHECK(c.listen.socket_mode == 0660);
  CHECK(c.listen.public_url == "https://ci.example.org");
  CHECK(c.github.app_id == "123");
  CHECK(c.github.private_key_file == "/etc/gantry/key.pem");
  CHECK(c.github.webhook_secret_files == std::vector<fs::path>{"/etc/gantry/new", "/old"});
  CHECK(c.find_repository("Octo/Special")->clone_url == "/git/special");
  CHECK(c.find_repository("octo/other")->name == "octo/*");
  CHECK(c.find_repository("octopus/other") == nullptr);
  CHECK(c.labels[0].network == Network::host);
  CHECK(c.limits.memory_bytes == 2ULL << 30U);
  CHECK(c.confine_git == Confine::no);
  CHECK(c.on_stop == OnStop::stop);
}

TEST_CASE("config: every mistake is named at once, with its line and what to do") {
  CHECK(errors_of("sate: /x\nlimits:\n  jobs: many\n  memory: 2X\n"
                  "labels:\n  - {names: [], network: hos}\n") ==
        "1: unknown key 'sate'; did you mean 'state'?\n"
        "3: 'limits.jobs' must be a whole number from 0 to 10000\n"
        "4: 'limits.memory' must be a size: bytes, or a number with K, M, G or T (512M)\n"
        "6: 'labels.names' must have a name; for example [ubuntu-latest, self-hosted]\n"
        "6: 'labels.network' must be one of none, internet, host; did you mean 'host'?\n");
}

TEST_CASE("config: halves of an App, addresses and names that are none are refused") {
  CHECK(errors_of("github: {app_id: 1}\n") ==
        "1: 'github.app_id' and 'github.private_key_file' go together; give both, or neither\n");
  CHECK(errors_of("github: {api_url: api.github.com}\n") ==
        "1: 'api_url' must be an http or https address; for example https://ci.example.org\n");
  for (const char* url : {"https://user:word@host/x", "https://token@host/x", "ssh://u:w@host/x"}) {
    CHECK(errors_of("repositories: [{name: o/r, clone_url: '" + std::string(url) + "'}]\n") ==
          "1: 'clone_url' holds a password, which logs would show; put it into github.token_file, "
          "or use an ssh key\n");
  }
  CHECK(parse_config("repositories: [{name: o/r, clone_url: 'ssh://git@host/x'}]\n", "/").config);
  CHECK(errors_of("repositories: [{name: octo}]\n") ==
        "1: 'repositories.name' must be owner/name; owner/* allows every repository of an "
        "owner\n");
  CHECK(errors_of("- a\n- b\n") == "1: the file must be a mapping of keys to values\n");
}

TEST_CASE("config: names and values as lines or as YAML") {
  const auto lines = parse_name_values("# c\nA=1\n B_2 = x=y \n\nEMPTY=\n");
  REQUIRE(lines);
  CHECK(*lines == std::vector<std::pair<std::string, std::string>>{
                      {"A", "1"}, {"B_2", " x=y "}, {"EMPTY", ""}});
  const auto yaml = parse_name_values("A: 1\nB: |\n  two\n  lines\n");
  REQUIRE(yaml);
  CHECK((*yaml)[1].second == "two\nlines\n");
  CHECK(parse_name_values("1A=x").error().message.starts_with("line 1: '1A' is no name"));
  CHECK(parse_name_values("GITHUB_X=x").error().message.starts_with("line 1: 'GITHUB_X'"));
}
