// SPDX-License-Identifier: MIT
// gantry-runner: makes a sandbox ready where it is started ahead of need, runs the one job it is
// told about on stdin, reports it to gantryd, and exits. `gantry-runner nursery` forks others,
// `gantry-runner locked` was given the lock of its folder.
// Exit status: 0 the job was run and reported, or there was none; 1 it could not be.
#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "daemon/async/runtime.hpp"
#include "daemon/runner/gantryd_link.hpp"
#include "daemon/runner/job.hpp"
#include "daemon/runner/job_folder.hpp"
#include "daemon/runner/nursery.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace {

using namespace gantry;
namespace runner = daemon::runner;

void write_to_stderr(core::log::Level, std::string_view text) {
  const std::string line = "gantry-runner: " + std::string(text) + '\n';
  (void)!::write(STDERR_FILENO, line.data(), line.size());
}

// Lines of stdin, read no further than needed.
class Input {
 public:
  // Without its end; nothing when the stream ends first.
  std::optional<std::string> next_line() {
    for (;;) {
      if (const std::size_t end = bytes_.find('\n'); end != std::string::npos) {
        std::string line = bytes_.substr(0, end);
        bytes_.erase(0, end + 1);
        return line;
      }
      char piece[64 << 10];
      const ssize_t got = ::read(STDIN_FILENO, piece, sizeof piece);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) core::throw_errno("reading standard input");
      if (got == 0) return std::nullopt;
      bytes_.append(piece, static_cast<std::size_t>(got));
    }
  }

 private:
  std::string bytes_;
};

// Without one the job makes its own sandbox, and says why when that does not work either.
std::optional<runner::ReadySandbox> try_to_make_ready(const proto::RunnerPrepare& prepare) {
  try {
    return runner::make_ready(prepare);
  } catch (const std::exception& exception) {
    core::log::warn("no sandbox made ahead", {{"why", exception.what()}});
    return std::nullopt;
  }
}

daemon::async::Task<> run_job(daemon::async::Runtime& runtime, runner::GantrydLink& link,
                              std::optional<proto::JobMessage> given,
                              runner::JobSettings settings) {
  daemon::async::TaskGroup delivery(runtime.executor());
  daemon::async::TaskGroup tasks(runtime.executor());
  if (!given) given = co_await link.fetch_job();
  delivery.spawn("events to gantryd", link.deliver());
  std::string problem;
  try {
    runner::Job job(runtime, link, std::move(*given), std::move(settings));
    tasks.spawn("control by gantryd", link.watch_control());
    co_await job.run();
  } catch (const std::exception& exception) {
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

// Nothing is open any more. Tidying memory up would only copy the nursery's pages, to free them.
int leave(int status) {
#ifndef __SANITIZE_ADDRESS__  // which looks for leaks at the end
  ::_exit(status);
#endif
  return status;
}

}  // namespace

int main(int argc, char** argv) {
#ifndef __SANITIZE_ADDRESS__  // whose search for leaks traces the process
  // Nobody may trace or read the one that holds the secrets.
  ::prctl(PR_SET_DUMPABLE, 0);
#endif
  std::signal(SIGPIPE, SIG_IGN);
  core::log::set_sink(write_to_stderr, core::log::Level::info);
  try {
    const std::string_view role = argc == 2 ? argv[1] : "";
    core::UniqueFd lock;
    if (role == "nursery") {
      auto given = runner::serve_nursery();
      if (!given) return 0;
      lock = std::move(*given);
    } else if (role == "locked") {
      lock.reset(proto::kRunnerLockFd);
      if (::fcntl(lock.get(), F_SETFD, FD_CLOEXEC) != 0) core::throw_errno("taking the lock");
    }
    daemon::async::Runtime runtime(1);
    Input input;
    runner::JobSettings settings;
    std::optional<std::string> line = input.next_line();
    if (line && proto::is_runner_prepare(*line)) {
      const auto prepare = core::or_throw(proto::decode_runner_prepare(*line), "getting ready");
      if (!lock) lock = runner::lock_job_folder(prepare.folder);
      settings.ready = try_to_make_ready(prepare);
      line = input.next_line();
    }
    if (!line) return 0;
    proto::RunnerStart start =
        core::or_throw(proto::decode_runner_start(*line), "starting gantry-runner");
    if (!lock) lock = runner::lock_job_folder(start.folder);
    settings.folder = start.folder;
    std::optional<proto::JobMessage> message = std::exchange(start.message, std::nullopt);
    runner::GantrydLink link(runtime.executor(), std::move(start));
    daemon::async::run_to_end(runtime,
                              run_job(runtime, link, std::move(message), std::move(settings)));
    return leave(link.all_acknowledged() ? 0 : 1);
  } catch (const std::exception& exception) {
    core::log::error(exception.what());
    return 1;
  }
}
