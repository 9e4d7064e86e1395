// SPDX-License-Identifier: MIT
// gantryd: reads the config, refuses what would be unsafe, runs the App.
#include "core/base/files.hpp"
#include "core/base/log.hpp"
#include "daemon/control/app.hpp"
#include "daemon/os/log_sink.hpp"
#include "proto/version.hpp"

#include <CLI/CLI.hpp>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace {

using gantry::core::Errc;
using gantry::core::Exception;
namespace core = gantry::core;
namespace control = gantry::daemon::control;

constexpr const char* kUsualConfig = "/etc/gantry/gantry.yaml";

core::config::Config read_config(const std::string& file) {
  if (file.empty()) return core::config::Config();
  const core::fs::path path = core::fs::absolute(file);
  const std::string text = core::read_file(path);
  auto parsed = core::config::parse_config(text, path.parent_path());
  if (!parsed.config) {
    throw Exception(Errc::invalid, "reading config '" + path.string() + "':\n" +
                                       core::yaml::render_all(parsed.diagnostics, file, text));
  }
  return std::move(*parsed.config);
}

// Without a config file: what systemd gives, or the user's own state folder.
core::fs::path usual_state() {
  if (const char* folder = std::getenv("STATE_DIRECTORY")) return folder;
  if (const char* folder = std::getenv("XDG_STATE_HOME")) return core::fs::path(folder) / "gantry";
  if (const char* home = std::getenv("HOME")) return core::fs::path(home) / ".local/state/gantry";
  return "/var/lib/gantry";
}

control::Settings load(const std::string& file) {
  core::config::Config config = read_config(file);
  if (file.empty()) config.state = usual_state();
  return control::read_settings(std::move(config));
}

int run(std::string file, bool only_check) {
  if (file.empty() && core::fs::exists(kUsualConfig)) file = kUsualConfig;
  control::Settings settings = load(file);
  if (only_check) {
    std::printf("%s: good\n", file.empty() ? "the defaults" : file.c_str());
    return 0;
  }
  // As root the uid of a job's sandbox would be root on the host.
  if (::geteuid() == 0) {
    throw Exception(Errc::denied,
                    "starting gantryd: it does not run as root, because jobs run with its rights; "
                    "start it as a user of its own: systemctl start gantry, or runuser -u USER");
  }
  auto notifier = gantry::daemon::os::ServiceNotifier::from_environment();
  gantry::daemon::os::install_log_sink(settings.config.log_level);
  control::App app(std::move(settings), control::find_programs(), std::move(notifier),
                   [file] { return load(file); });
  return app.run();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App options("Runs GitHub Actions workflows on this machine.", "gantryd");
  options.set_version_flag("--version", "gantryd " + std::string(gantry::proto::product_version()));
  std::string file;
  bool only_check = false;
  options.add_option("--config", file, "config file (default: /etc/gantry/gantry.yaml if there)");
  options.add_flag("--check", only_check, "read the config, say what is wrong, and end");
  try {
    options.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = options.exit(error);
    return code == 0 ? 0 : 2;
  }
  try {
    return run(file, only_check);
  } catch (const Exception& error) {
    std::fprintf(stderr, "gantryd: %s\n", error.what());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gantryd: unexpected: %s\n", error.what());
  }
  return 1;
}
