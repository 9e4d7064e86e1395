// SPDX-License-Identifier: MIT
// gantry-runner: runs the one job it is told about on stdin, reports it to gantryd, and exits.
// Exit status: 0 the job was run and reported, or there was none; 1 it could not be.
#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "daemon/async/runtime.hpp"
#include "daemon/runner/gantryd_link.hpp"
#include "daemon/runner/job.hpp"
#include "daemon/runner/job_folder.hpp"

#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <iostream>

namespace {

using namespace gantry;
namespace runner = daemon::runner;

void write_to_stderr(core::log::Level, std::string_view text) {
  const std::string line = "gantry-runner: " + std::string(text) + '\n';
  (void)!::write(STDERR_FILENO, line.data(), line.size());
}

daemon::async::Task<> run_job(daemon::async::Runtime& runtime, runner::GantrydLink& link,
                              const std::string& folder) {
  daemon::async::TaskGroup delivery(runtime.executor());
  daemon::async::TaskGroup tasks(runtime.executor());
  proto::JobMessage message = co_await link.fetch_job();
  delivery.spawn("events to gantryd", link.deliver());
  std::string problem;
  try {
    runner::JobSettings settings;
    settings.folder = folder;
    runner::Job job(runtime, link, std::move(message), std::move(settings));
    tasks.spawn("control by gantryd", link.watch_control());
    co_await job.run();
  } catch (const core::Exception& exception) {
    problem = exception.what();
  }
  if (!problem.empty()) {
    core::log::error("job not run", {{"why", problem}});
    proto::JobCompleted completed;
    completed.reason = problem;
    link.report(std::move(completed));
  }
  co_await tasks.close();
  link.finish();
  co_await delivery.join();
}

}  // namespace

int main() {
#ifndef __SANITIZE_ADDRESS__  // whose search for leaks traces the process
  // Nobody may trace or read the one that holds the secrets.
  ::prctl(PR_SET_DUMPABLE, 0);
#endif
  std::signal(SIGPIPE, SIG_IGN);
  core::log::set_sink(write_to_stderr, core::log::Level::info);
  try {
    daemon::async::Runtime runtime(1);
    std::string line;
    if (!std::getline(std::cin, line)) return 0;
    const proto::RunnerStart start =
        core::or_throw(proto::decode_runner_start(line), "starting gantry-runner");
    const core::UniqueFd lock = runner::lock_job_folder(start.folder);
    runner::GantrydLink link(runtime.executor(), start);
    daemon::async::run_to_end(runtime, run_job(runtime, link, start.folder));
    return link.all_acknowledged() ? 0 : 1;
  } catch (const std::exception& exception) {
    core::log::error(exception.what());
    return 1;
  }
}
