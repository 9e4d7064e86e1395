// SPDX-License-Identifier: MIT
// gantry watch: a run until it ends; redrawn on a terminal, a line for each change elsewhere.
#include "daemon/cli/commands.hpp"
#include "daemon/cli/print.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>

namespace gantry::daemon::cli {
namespace {

struct Options {
  std::string id;
  bool exit_status = false;
};

// Draws over what it drew before.
class Screen {
 public:
  void draw(const std::string& picture) {
    if (lines_ > 0) std::printf("\x1b[%dA\x1b[J", lines_);
    std::fputs(picture.c_str(), stdout);
    std::fflush(stdout);
    lines_ = static_cast<int>(std::count(picture.begin(), picture.end(), '\n'));
  }

 private:
  int lines_ = 0;
};

// Prints one line for every job whose state changed.
class Changes {
 public:
  void show(const nlohmann::json& run) {
    for (const auto& job : run["jobs"]) {
      const std::string conclusion = text(job, "conclusion");
      const std::string state = conclusion.empty() ? text(job, "status") : conclusion;
      if (seen_[text(job, "id")] == state) continue;
      seen_[text(job, "id")] = state;
      const std::string took = duration(text(job, "started_at"), text(job, "completed_at"));
      std::printf("%s %s: %s%s\n", mark(text(job, "status"), conclusion).c_str(),
                  name_text(job, "name").c_str(), state.c_str(),
                  conclusion.empty() || took.empty() ? "" : (" in " + took).c_str());
    }
    std::fflush(stdout);
  }

 private:
  std::map<std::string, std::string> seen_;
};

int run(const Global& global, const Options& options) {
  Api api(global.connection());
  const nlohmann::json last = watch_run(api, options.id);
  std::printf("run %s: %s\n", options.id.c_str(), text(last, "conclusion").c_str());
  return options.exit_status ? exit_status(last) : 0;
}

}  // namespace

nlohmann::json watch_run(Api& api, const std::string& id) {
  Screen screen;
  Changes changes;
  nlohmann::json last = api.get("/api/gantry/v1/runs/" + id);
  const auto show = [&] {
    if (stdout_is_terminal()) {
      screen.draw(render_run(last));
    } else {
      changes.show(last);
    }
  };
  show();
  const bool whole = api.follow(
      "/api/gantry/v1/runs/" + id + "/events", [&](std::string_view, std::string_view data) {
        auto item = nlohmann::json::parse(data, nullptr, false);
        if (!item.is_object()) return Api::Go::on;
        last = std::move(item);
        show();
        return text(last, "status") == "completed" ? Api::Go::stop : Api::Go::on;
      });
  if (!whole) throw core::Exception(core::Errc::unavailable, "watching the run: gantryd went away");
  return last;
}

void add_watch(CLI::App& app, Global& global) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("watch", "show a run's progress until it ends");
  command->add_option("run", options->id, "run id")->required()->check(CLI::PositiveNumber);
  command->add_flag("--exit-status", options->exit_status, "exit with 1 if the run fails");
  command->callback(
      [&global, options] { global.run = [&global, options] { return run(global, *options); }; });
}

}  // namespace gantry::daemon::cli
