// SPDX-License-Identifier: MIT
// gantry hook push: delivers a push as GitHub would, signed; for trying things out and for hosts
// without GitHub (a git post-receive hook can call it).
#include "core/base/files.hpp"
#include "core/base/ids.hpp"
#include "core/base/text.hpp"
#include "daemon/cli/commands.hpp"
#include "daemon/cli/print.hpp"
#include "proto/github_signature.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <memory>

namespace gantry::daemon::cli {
namespace {

struct Options {
  std::string repo, ref, before, after, message, user, secret_file, default_branch = "main";
};

const std::string kNoCommit(40, '0');

nlohmann::json payload(const Options& options) {
  const std::size_t slash = options.repo.find('/');
  if (slash == std::string::npos) {
    throw core::Exception(core::Errc::invalid,
                          "repository '" + options.repo + "': expected owner/name");
  }
  const std::string owner = options.repo.substr(0, slash), name = options.repo.substr(slash + 1);
  const nlohmann::json user = {{"login", options.user}, {"id", 1}, {"type", "User"}};
  const nlohmann::json commit = {{"id", options.after},
                                 {"message", core::to_valid_utf8(options.message)},
                                 {"distinct", true},
                                 {"author", {{"name", options.user}}},
                                 {"committer", {{"name", options.user}}}};
  const bool deleted = options.after == kNoCommit;
  return {{"ref", options.ref},
          {"before", options.before},
          {"after", options.after},
          {"created", options.before == kNoCommit},
          {"deleted", deleted},
          {"forced", false},
          {"head_commit", deleted ? nlohmann::json() : commit},
          {"commits", deleted ? nlohmann::json::array() : nlohmann::json::array({commit})},
          {"pusher", {{"name", options.user}}},
          {"sender", user},
          {"repository",
           {{"id", core::made_id(options.repo)},
            {"name", name},
            {"full_name", options.repo},
            {"private", true},
            {"default_branch", options.default_branch},
            {"owner", {{"login", owner}, {"id", core::made_id(owner)}, {"name", owner}}}}}};
}

int run(const Global& global, const Options& options) {
  const std::string secret(core::trim(core::read_file(options.secret_file)));
  Api api(global.connection());
  std::puts(deliver(api, "push", payload(options).dump(), secret).c_str());
  return 0;
}

}  // namespace

std::string deliver(Api& api, const std::string& event, const std::string& body,
                    const std::string& secret) {
  const std::string random = core::random_hex(16);
  std::string guid = random.substr(0, 8) + "-" + random.substr(8, 4) + "-" + random.substr(12, 4) +
                     "-" + random.substr(16, 4) + "-" + random.substr(20, 12);
  const auto answer =
      api.send_raw("POST", "/webhooks/github", body,
                   {{"Content-Type", "application/json"},
                    {"X-GitHub-Event", event},
                    {"X-GitHub-Delivery", guid},
                    {"X-Hub-Signature-256", proto::github_signature(secret, body)}});
  if (answer.status >= 300) {
    throw core::Exception(core::Errc::denied,
                          "delivering the event '" + event + "': gantryd answered " +
                              std::to_string(answer.status) + ": " + answer.body);
  }
  return guid;
}

void add_hook(CLI::App& app, Global& global) {
  CLI::App* hook = app.add_subcommand("hook", "deliver an event to gantryd yourself");
  hook->require_subcommand(1);
  auto options = std::make_shared<Options>();
  CLI::App* push = hook->add_subcommand("push", "a push; prints the delivery's GUID");
  push->add_option("-R,--repo", options->repo, "owner/name")->required();
  push->add_option("--ref", options->ref, "full ref, refs/heads/main")->required();
  push->add_option("--after", options->after, "sha pushed")->required();
  options->before = kNoCommit;
  push->add_option("--before", options->before, "sha before; zeros for a new branch");
  push->add_option("--message", options->message, "message of the head commit");
  options->user = "gantry";
  push->add_option("--user", options->user, "who pushed");
  push->add_option("--default-branch", options->default_branch, "default branch");
  push->add_option("--secret-file", options->secret_file, "the webhook's secret")
      ->required()
      ->check(CLI::ExistingFile);
  push->callback(
      [&global, options] { global.run = [&global, options] { return run(global, *options); }; });
}

}  // namespace gantry::daemon::cli
