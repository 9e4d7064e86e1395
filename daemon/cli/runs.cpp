// SPDX-License-Identifier: MIT
// gantry runs: the newest runs.
#include "daemon/cli/commands.hpp"
#include "daemon/cli/print.hpp"
#include "daemon/http/message.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <memory>

namespace gantry::daemon::cli {
namespace {

struct Options {
  std::string repo, workflow, branch, event, status, actor, commit;
  int limit = 20;
  bool json = false;
};

std::string query(const Options& options) {
  std::string text = "?limit=" + std::to_string(options.limit);
  const auto add = [&](const char* key, const std::string& value) {
    if (!value.empty()) text += std::string("&") + key + "=" + http::percent_encode(value);
  };
  add("repo", options.repo);
  add("workflow", options.workflow);
  add("branch", options.branch);
  add("event", options.event);
  add("status", options.status);
  add("actor", options.actor);
  add("head_sha", options.commit);
  return text;
}

int run(const Global& global, const Options& options) {
  Api api(global.connection());
  const auto answer = api.get("/api/gantry/v1/runs" + query(options));
  if (options.json) {
    std::puts(answer["runs"].dump(2).c_str());
    return 0;
  }
  if (answer["runs"].empty()) {
    std::fputs("no runs\n", stderr);
    return 0;
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& item : answer["runs"]) {
    const std::string status = text(item, "status"), conclusion = text(item, "conclusion");
    rows.push_back({mark(status, conclusion), conclusion.empty() ? status : conclusion,
                    name_text(item, "title"), name_text(item, "workflow"), text(item, "repository"),
                    name_text(item, "branch"), text(item, "event"), text(item, "id"),
                    duration(text(item, "started_at"), text(item, "completed_at")),
                    age(text(item, "created_at"))});
  }
  print_table(
      {"", "STATUS", "TITLE", "WORKFLOW", "REPOSITORY", "BRANCH", "EVENT", "ID", "ELAPSED", "AGE"},
      rows);
  return 0;
}

}  // namespace

void add_runs(CLI::App& app, Global& global) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("runs", "list runs, the newest first");
  command->add_option("-R,--repo", options->repo, "owner/name");
  command->add_option("-w,--workflow", options->workflow, "file name or name of a workflow");
  command->add_option("-b,--branch", options->branch, "branch or tag");
  command->add_option("-e,--event", options->event, "push, pull_request, …");
  command->add_option("-s,--status", options->status, "a status or conclusion");
  command->add_option("-u,--user", options->actor, "who started it");
  command->add_option("-c,--commit", options->commit, "full sha");
  command->add_option("-L,--limit", options->limit, "how many")->check(CLI::Range(1, 1000));
  command->add_flag("--json", options->json, "as JSON");
  command->callback(
      [&global, options] { global.run = [&global, options] { return run(global, *options); }; });
}

}  // namespace gantry::daemon::cli
