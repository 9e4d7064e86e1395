// SPDX-License-Identifier: MIT
// gantry: asks a gantryd and tells it what to do.
#include "core/base/error.hpp"
#include "daemon/cli/commands.hpp"
#include "proto/version.hpp"

#include <CLI/CLI.hpp>

#include <csignal>
#include <cstdio>

int main(int argc, char** argv) {
  using namespace gantry::daemon::cli;
  std::signal(SIGPIPE, SIG_DFL);  // `gantry logs … | head` ends quietly
  CLI::App app("Runs GitHub Actions workflows on this machine: asks and steers gantryd.", "gantry");
  app.set_version_flag("--version", "gantry " + std::string(gantry::proto::product_version()));
  app.require_subcommand(1);
  app.fallthrough();
  Global global;
  app.add_option("--socket", global.socket, "gantryd's Unix socket [GANTRY_SOCKET]");
  app.add_option("--url", global.url, "gantryd's address, http://host:port [GANTRY_URL]");
  app.add_option("--token-file", global.token_file, "file with an API token [GANTRY_TOKEN]");
  add_run(app, global);
  add_runs(app, global);
  add_view(app, global);
  add_logs(app, global);
  add_watch(app, global);
  add_download(app, global);
  add_approve(app, global);
  add_cancel(app, global);
  add_rerun(app, global);
  add_dispatch(app, global);
  add_delivery(app, global);
  add_doctor(app, global);
  add_hook(app, global);
  add_explain(app, global);
  add_validate(app, global);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : kUsage;
  }
  try {
    return global.run ? global.run() : kUsage;
  } catch (const gantry::core::Exception& error) {
    std::fprintf(stderr, "gantry: %s\n", error.what());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gantry: unexpected: %s\n", error.what());
  }
  return kFailed;
}
