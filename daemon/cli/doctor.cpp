// SPDX-License-Identifier: MIT
// gantry doctor: what this machine can do for jobs, and how to mend what it cannot. Needs no
// gantryd.
#include "daemon/os/doctor.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/config/config.hpp"
#include "daemon/cli/commands.hpp"
#include "daemon/cli/print.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <cstdlib>
#include <memory>

namespace gantry::daemon::cli {
namespace {

struct Options {
  std::string state;
  std::string config;
  bool json = false;
};

std::string usual_state() {
  const char* home = std::getenv("HOME");
  return home == nullptr ? "/var/lib/gantry" : std::string(home) + "/.local/state/gantry";
}

// What of gantryd's config decides what jobs find.
void read_config(const std::string& file, os::DoctorConfig& into) {
  const std::string text = core::read_file(file);
  core::config::Parsed parsed =
      core::config::parse_config(text, std::filesystem::absolute(file).parent_path());
  if (!parsed.config) {
    throw core::Exception(
        core::Errc::invalid,
        "reading the config:\n" + core::yaml::render_all(parsed.diagnostics, file, text));
  }
  into.state_folder = parsed.config->state;
  into.node = parsed.config->actions.node;
}

int run(const Options& options) {
  os::DoctorConfig config;
  config.state_folder = usual_state();
  if (!options.config.empty()) read_config(options.config, config);
  if (!options.state.empty()) config.state_folder = options.state;
  const std::vector<os::Check> checks = os::examine_machine(config);
  bool missing = false;
  nlohmann::json list = nlohmann::json::array();
  for (const os::Check& check : checks) {
    missing |= check.state == os::Check::State::missing;
    list.push_back({{"name", check.name},
                    {"state", os::to_string(check.state)},
                    {"detail", check.detail},
                    {"remedy", check.remedy}});
    if (options.json) continue;
    const std::string sign = check.state == os::Check::State::ok ? paint(Colour::green, "✓")
                             : check.state == os::Check::State::degraded
                                 ? paint(Colour::yellow, "!")
                                 : paint(Colour::red, "X");
    std::printf("%s %s: %s\n", sign.c_str(), paint(Colour::bold, check.name).c_str(),
                check.detail.c_str());
    if (!check.remedy.empty()) std::printf("    %s\n", check.remedy.c_str());
  }
  if (options.json) std::puts(list.dump(2).c_str());
  return missing ? kFailed : 0;
}

}  // namespace

void add_doctor(CLI::App& app, Global& global) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("doctor", "say what this machine can and cannot do for jobs");
  command->add_option("--state", options->state, "gantryd's state folder");
  command->add_option("--config", options->config, "gantryd's config: its state folder and node");
  command->add_flag("--json", options->json, "as JSON");
  command->callback([&global, options] { global.run = [options] { return run(*options); }; });
}

}  // namespace gantry::daemon::cli
