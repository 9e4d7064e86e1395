// SPDX-License-Identifier: MIT
// gantry logs: a job's log, or every job's of a run; -f goes on until the end.
#include "core/base/text.hpp"
#include "daemon/cli/commands.hpp"
#include "daemon/cli/print.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <memory>

namespace gantry::daemon::cli {
namespace {

struct Options {
  std::string id, job;
  bool follow = false, timestamps = false, failed = false;
};

// Prints stored lines ("<time> text"), each with `prefix`.
void print_lines(std::string_view lines, const std::string& prefix, const Options& options) {
  std::string out;
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    std::string_view line = lines.substr(0, end);
    lines.remove_prefix(std::min(end + 1, lines.size()));
    if (!options.timestamps) {
      const std::size_t space = line.find(' ');
      line.remove_prefix(space == std::string_view::npos ? line.size() : space + 1);
    }
    out += prefix;
    out += for_terminal(line);
    out += '\n';
  }
  std::fwrite(out.data(), 1, out.size(), stdout);
}

// The job named by id or by name; throws naming the jobs there are.
nlohmann::json find_job(const nlohmann::json& run, const std::string& wanted) {
  std::string names;
  for (const auto& job : run["jobs"]) {
    if (text(job, "id") == wanted || text(job, "name") == wanted) return job;
    names += "\n  " + text(job, "id") + "  " + name_text(job, "name");
  }
  throw core::Exception(core::Errc::not_found, "looking for job '" + wanted + "' of run " +
                                                   text(run, "id") +
                                                   ": no such job; there are:" + names);
}

int follow(Api& api, const Options& options, const std::string& path) {
  int code = 0;
  const bool whole = api.follow(path, [&](std::string_view event, std::string_view data) {
    const auto item = nlohmann::json::parse(data, nullptr, false);
    if (event == "log" && item.is_object()) {
      const std::string prefix =
          options.job.empty() ? paint(Colour::blue, name_text(item, "name")) + " | " : "";
      print_lines(text(item, "text"), prefix, options);
      std::fflush(stdout);
    }
    if (event != "end") return Api::Go::on;
    code = exit_status(item);
    return Api::Go::stop;
  });
  if (!whole) {
    throw core::Exception(core::Errc::unavailable, "following the log: gantryd went away");
  }
  return code;
}

int run(const Global& global, const Options& options) {
  Api api(global.connection());
  const auto answer = api.get("/api/gantry/v1/runs/" + options.id);
  if (options.follow) {
    const std::string path =
        options.job.empty()
            ? "/api/gantry/v1/runs/" + options.id + "/log/stream"
            : "/api/gantry/v1/jobs/" + text(find_job(answer, options.job), "id") + "/log/stream";
    return follow(api, options, path);
  }
  const auto print_job = [&](const nlohmann::json& job, const std::string& prefix) {
    print_lines(api.get_text("/api/gantry/v1/jobs/" + text(job, "id") + "/log"), prefix, options);
  };
  if (!options.job.empty()) {
    print_job(find_job(answer, options.job), "");
    return 0;
  }
  for (const auto& job : answer["jobs"]) {
    if (options.failed && text(job, "conclusion") != "failure") continue;
    print_job(
        job, answer["jobs"].size() == 1 ? "" : paint(Colour::blue, name_text(job, "name")) + " | ");
  }
  return 0;
}

}  // namespace

int follow_logs(Api& api, const std::string& run_id) {
  return follow(api, Options(), "/api/gantry/v1/runs/" + run_id + "/log/stream");
}

void print_failed_logs(Api& api, const nlohmann::json& run) {
  for (const auto& job : run["jobs"]) {
    if (text(job, "conclusion") != "failure") continue;
    print_lines(api.get_text("/api/gantry/v1/jobs/" + text(job, "id") + "/log"),
                paint(Colour::blue, name_text(job, "name")) + " | ", Options());
  }
}

void add_logs(CLI::App& app, Global& global) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("logs", "print the log of a run's jobs");
  command->add_option("run", options->id, "run id")->required()->check(CLI::PositiveNumber);
  command->add_option("-j,--job", options->job, "only this job: id or name");
  command->add_flag("-f,--follow", options->follow,
                    "go on until the end; the exit code is 1 if it failed");
  command->add_flag("-t,--timestamps", options->timestamps, "with the time of each line");
  command->add_flag("--failed", options->failed, "only jobs that failed");
  command->callback(
      [&global, options] { global.run = [&global, options] { return run(global, *options); }; });
}

}  // namespace gantry::daemon::cli
