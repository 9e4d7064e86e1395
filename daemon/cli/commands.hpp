// SPDX-License-Identifier: MIT
// The commands of `gantry`. Each adds itself to the parser; the chosen one is set as `run`.
#pragma once

#include "daemon/cli/api.hpp"

#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <string>

namespace CLI {
class App;
}

namespace gantry::daemon::cli {

// Options in front of every command.
struct Global {
  std::string socket;
  std::string url;
  std::string token_file;
  std::function<int()> run;  // the chosen command; returns the exit code

  Connection connection() const { return find_connection(socket, url, token_file); }
};

// Exit codes: 0 done; 1 the run failed (with --exit-status) or the command did; 2 wrong usage.
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;

void add_runs(CLI::App& app, Global& global);      // runs.cpp
void add_view(CLI::App& app, Global& global);      // view.cpp
void add_logs(CLI::App& app, Global& global);      // logs.cpp
void add_watch(CLI::App& app, Global& global);     // watch.cpp
void add_download(CLI::App& app, Global& global);  // download.cpp
void add_approve(CLI::App& app, Global& global);
void add_cancel(CLI::App& app, Global& global);    // actions.cpp
void add_rerun(CLI::App& app, Global& global);     // actions.cpp
void add_dispatch(CLI::App& app, Global& global);  // actions.cpp
void add_delivery(CLI::App& app, Global& global);  // delivery.cpp
void add_doctor(CLI::App& app, Global& global);    // doctor.cpp
void add_hook(CLI::App& app, Global& global);      // hook.cpp
void add_explain(CLI::App& app, Global& global);   // explain.cpp
void add_validate(CLI::App& app, Global& global);  // validate.cpp
void add_run(CLI::App& app, Global& global);       // run.cpp

// Parts that several commands use.
// Delivers an event as GitHub would, signed; returns the delivery's GUID.
std::string deliver(Api& api, const std::string& event, const std::string& body,
                    const std::string& secret);
// A delivery once it is processed; as it is after half an hour of waiting.
nlohmann::json processed_delivery(Api& api, const std::string& guid);
// Shows a run until it ends; returns it.
nlohmann::json watch_run(Api& api, const std::string& id);
// Prints the logs of all jobs of a run until it ends; returns exit_status of it.
int follow_logs(Api& api, const std::string& run_id);
void print_failed_logs(Api& api, const nlohmann::json& run);

// One run with its jobs, as `gantry view` shows it; shared with watch.
std::string render_run(const nlohmann::json& run);

// 0 for success, skipped and neutral, kFailed for the rest.
int exit_status(const nlohmann::json& run);

}  // namespace gantry::daemon::cli
