// SPDX-License-Identifier: MIT
// gantry cancel, approve, rerun, dispatch: what changes a run.
#include "daemon/cli/commands.hpp"
#include "daemon/cli/print.hpp"
#include "daemon/http/message.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <memory>

namespace gantry::daemon::cli {

void add_cancel(CLI::App& app, Global& global) {
  auto id = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("cancel", "cancel a run");
  command->add_option("run", *id, "run id")->required()->check(CLI::PositiveNumber);
  command->callback([&global, id] {
    global.run = [&global, id] {
      Api api(global.connection());
      api.post("/api/gantry/v1/runs/" + *id + "/cancel");
      std::printf("asked run %s to stop; see it end with: gantry watch %s\n", id->c_str(),
                  id->c_str());
      return 0;
    };
  });
}

void add_approve(CLI::App& app, Global& global) {
  struct Options {
    std::string id, comment;
    std::vector<std::string> environments;
    bool reject = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("approve", "let jobs that wait for a review start");
  command->add_option("run", options->id, "run id")->required()->check(CLI::PositiveNumber);
  command->add_option("-e,--environment", options->environments, "only this one; default: all");
  command->add_option("-m,--comment", options->comment, "why");
  command->add_flag("--reject", options->reject, "refuse: the jobs fail");
  command->callback([&global, options] {
    global.run = [&global, options] {
      Api api(global.connection());
      const char* verdict = options->reject ? "rejected" : "approved";
      const nlohmann::json body = {{"verdict", verdict},
                                   {"environments", options->environments},
                                   {"comment", options->comment}};
      api.post("/api/gantry/v1/runs/" + options->id + "/reviews", body.dump());
      std::printf("run %s: %s; see it with: gantry watch %s\n", options->id.c_str(), verdict,
                  options->id.c_str());
      return 0;
    };
  });
}

void add_rerun(CLI::App& app, Global& global) {
  struct Options {
    std::string id, job;
    bool failed = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("rerun", "run a finished run once more");
  command->add_option("run", options->id, "run id")->required()->check(CLI::PositiveNumber);
  command->add_flag("--failed", options->failed, "only the jobs that failed, and what needs them");
  command->add_option("-j,--job", options->job, "only this job id, and what needs it");
  command->callback([&global, options] {
    global.run = [&global, options] {
      Api api(global.connection());
      nlohmann::json body = {{"failed_only", options->failed}};
      if (!options->job.empty()) body["job_id"] = std::stoll(options->job);
      const auto run = api.post("/api/gantry/v1/runs/" + options->id + "/rerun", body.dump());
      std::printf("run %s: attempt %s started; see it with: gantry watch %s\n", options->id.c_str(),
                  text(run, "attempt").c_str(), options->id.c_str());
      return 0;
    };
  });
}

void add_dispatch(CLI::App& app, Global& global) {
  struct Options {
    std::string workflow, repo, ref;
    std::vector<std::string> inputs;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("dispatch", "start a workflow that has workflow_dispatch");
  command->add_option("workflow", options->workflow, "file name, e.g. release.yml")->required();
  command->add_option("-R,--repo", options->repo, "owner/name")->required();
  command->add_option("-r,--ref", options->ref, "branch or tag")->required();
  command->add_option("-f,--field", options->inputs, "an input, name=value");
  command->callback([&global, options] {
    global.run = [&global, options] {
      nlohmann::json inputs = nlohmann::json::object();
      for (const std::string& field : options->inputs) {
        const std::size_t at = field.find('=');
        if (at == std::string::npos) {
          std::fprintf(stderr, "gantry: input '%s': expected name=value\n", field.c_str());
          return kUsage;
        }
        inputs[field.substr(0, at)] = field.substr(at + 1);
      }
      Api api(global.connection());
      const nlohmann::json body = {
          {"ref", options->ref}, {"inputs", inputs}, {"return_run_details", true}};
      const auto run = api.post("/api/v3/repos/" + options->repo + "/actions/workflows/" +
                                    http::percent_encode(options->workflow) + "/dispatches",
                                body.dump());
      std::printf("started run %s; see it with: gantry watch %s\n",
                  text(run, "workflow_run_id").c_str(), text(run, "workflow_run_id").c_str());
      return 0;
    };
  });
}

}  // namespace gantry::daemon::cli
