// SPDX-License-Identifier: MIT
// gantry view: one run, its jobs, its steps, its annotations.
#include "daemon/cli/commands.hpp"
#include "daemon/cli/print.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <memory>

namespace gantry::daemon::cli {
namespace {

std::string job_line(const nlohmann::json& job) {
  const std::string status = text(job, "status"), conclusion = text(job, "conclusion");
  std::string line = mark(status, conclusion) + " " + name_text(job, "name");
  const std::string took = duration(text(job, "started_at"), text(job, "completed_at"));
  if (!took.empty() && conclusion != "skipped") line += " in " + took;
  line += paint(Colour::grey, " (ID " + text(job, "id") + ")");
  const std::string reason = for_terminal(text(job, "reason"));
  if (!reason.empty()) line += "\n    " + paint(Colour::grey, reason);
  return line + "\n";
}

std::string step_lines(const nlohmann::json& job) {
  std::string lines;
  for (const auto& step : job.value("steps", nlohmann::json::array())) {
    lines += "    " + mark(text(step, "status"), text(step, "conclusion")) + " " +
             name_text(step, "name") + "\n";
  }
  return lines;
}

std::string annotation_lines(const nlohmann::json& run) {
  std::string lines;
  for (const auto& job : run.value("jobs", nlohmann::json::array())) {
    for (const auto& item : job.value("annotations", nlohmann::json::array())) {
      const std::string level = text(item, "level");
      const std::string sign = level == "failure"   ? paint(Colour::red, "X")
                               : level == "warning" ? paint(Colour::yellow, "!")
                                                    : paint(Colour::grey, "-");
      lines += sign + " " + for_terminal(text(item, "message")) + "\n    " +
               paint(Colour::grey, name_text(job, "name") + ": " + name_text(item, "path") + "#" +
                                       text(item, "start_line")) +
               "\n";
    }
  }
  return lines.empty() ? "" : "\n" + paint(Colour::bold, "ANNOTATIONS") + "\n" + lines;
}

struct Options {
  std::string id;
  int attempt = 0;
  bool verbose = false, json = false, exit_status = false;
};

int run(const Global& global, const Options& options) {
  Api api(global.connection());
  std::string path = "/api/gantry/v1/runs/" + options.id;
  if (options.attempt > 0) path += "?attempt=" + std::to_string(options.attempt);
  const auto answer = api.get(path);
  if (options.json) {
    std::puts(answer.dump(2).c_str());
  } else {
    std::fputs(render_run(answer).c_str(), stdout);
    if (options.verbose) {
      for (const auto& job : answer["jobs"]) {
        std::fputs(("\n" + job_line(job) + step_lines(job)).c_str(), stdout);
      }
    }
    std::printf("\nLog of a job: gantry logs %s --job ID\n", options.id.c_str());
  }
  return options.exit_status ? exit_status(answer) : 0;
}

}  // namespace

std::string render_run(const nlohmann::json& run) {
  const std::string status = text(run, "status"), conclusion = text(run, "conclusion");
  std::string out = mark(status, conclusion) + " " + paint(Colour::bold, name_text(run, "title")) +
                    " · " + name_text(run, "workflow") + " · " + text(run, "repository") + "\n";
  out += "Run " + text(run, "id") + " (#" + text(run, "number") + ", attempt " +
         text(run, "attempt") + "), " + text(run, "event") + " on " + name_text(run, "branch") +
         " at " + text(run, "sha").substr(0, 10) + ", " + age(text(run, "created_at")) + "\n";
  const std::string took = duration(text(run, "started_at"), text(run, "completed_at"));
  out += (conclusion.empty() ? status : conclusion) + (took.empty() ? "" : " in " + took) + "\n";
  const std::string reason = for_terminal(text(run, "reason"));
  if (!reason.empty()) out += reason + "\n";
  out += "\n" + paint(Colour::bold, "JOBS") + "\n";
  for (const auto& job : run.value("jobs", nlohmann::json::array())) {
    out += job_line(job);
    const std::string result = text(job, "conclusion");
    const bool interesting = text(job, "status") == "in_progress" ||
                             (!result.empty() && result != "success" && result != "skipped");
    if (interesting) out += step_lines(job);
  }
  return out + annotation_lines(run);
}

int exit_status(const nlohmann::json& run) {
  const std::string conclusion = text(run, "conclusion");
  const bool good = conclusion == "success" || conclusion == "skipped" || conclusion == "neutral";
  return good ? 0 : kFailed;
}

void add_view(CLI::App& app, Global& global) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("view", "show a run with its jobs");
  command->add_option("run", options->id, "run id")->required()->check(CLI::PositiveNumber);
  command->add_option("-a,--attempt", options->attempt, "an earlier attempt");
  command->add_flag("-v,--verbose", options->verbose, "with every job's steps");
  command->add_flag("--exit-status", options->exit_status, "exit with 1 if the run failed");
  command->add_flag("--json", options->json, "as JSON");
  command->callback(
      [&global, options] { global.run = [&global, options] { return run(global, *options); }; });
}

}  // namespace gantry::daemon::cli
