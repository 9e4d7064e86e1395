// SPDX-License-Identifier: MIT
#include "daemon/control/supervisor.hpp"

#include "core/base/files.hpp"
#include "core/base/log.hpp"
#include "core/base/text.hpp"
#include "daemon/control/db_thread.hpp"
#include "daemon/control/job_message.hpp"
#include "daemon/control/reports.hpp"
#include "daemon/control/supervisor_internal.hpp"
#include "daemon/os/child_async.hpp"
#include "proto/runner_protocol.hpp"
#include "storage/log_store.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

namespace gantry::daemon::control {
namespace {

using core::run::Conclusion;
using http::Request;
using http::Response;
using storage::Database;

constexpr std::size_t kSpares = 2;
constexpr int kLostStarts = 3;
// Small logs take a block each way; compressing them saves nothing.
constexpr std::uint64_t kCompressFrom = 16 * 1024;
constexpr std::uint64_t kEventsLimit = 64ULL << 20;
constexpr std::chrono::seconds kOverduePause{5};
// A runner keeps its job's times itself; so much later it is thought to hang.
const std::chrono::minutes kCancelPatience =
    proto::JobMessage().cancel_timeout + std::chrono::minutes(1);

// Whether a living runner holds the lock of the job's folder.
bool is_locked(const core::fs::path& folder) {
  const core::UniqueFd lock(::open((folder / "lock").c_str(), O_RDWR | O_CLOEXEC));
  if (!lock) return false;
  return ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0;
}

core::Result<std::vector<proto::RunnerEvent>> read_spool(const core::fs::path& folder) {
  try {
    const auto spool = core::read_file_if_exists(folder / "events.ndjson", kEventsLimit);
    return decode_events(spool.value_or(""), Torn::allowed);
  } catch (const core::Exception& exception) {
    return core::fail(exception.error());
  }
}

}  // namespace

Supervisor::Supervisor(async::Runtime& runtime, Conductor& conductor, storage::Layout layout,
                       Programs programs, std::string socket, async::TaskGroup& tasks,
                       TokenSource tokens)
    : runtime_(runtime),
      conductor_(conductor),
      layout_(std::move(layout)),
      programs_(std::move(programs)),
      socket_(std::move(socket)),
      tasks_(tasks),
      tokens_(std::move(tokens)) {}

Supervisor::~Supervisor() {
  release_all();
}

os::Child Supervisor::spawn_runner(core::UniqueFd& to_stdin) const {
  core::Pipe pipe = core::make_pipe();
  os::SpawnOptions options;
  options.argv = {programs_.runner.string()};
  options.env = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                 "LANG=C.UTF-8"};
  options.session = os::Session::session;
  options.fds.push_back(os::FdMapping{pipe.read.get(), 0});
  options.fds.push_back(os::FdMapping{2, 2});
  os::Child child = os::spawn(options);
  to_stdin = std::move(pipe.write);
  return child;
}

void Supervisor::warm_up() {
  while (!released_ && spares_.size() < kSpares) {
    Spare spare;
    spare.child = spawn_runner(spare.to_stdin);
    spares_.push_back(std::move(spare));
  }
}

void Supervisor::start(std::shared_ptr<ActiveJob> job) {
  auto runner = std::make_shared<Runner>(runtime_.executor(), std::move(job));
  tasks_.spawn("running job", run(std::move(runner)));
}

async::Task<> Supervisor::run(RunnerPointer runner) {
  const core::JobId id = runner->job->id;
  const std::string token = core::random_hex(32);
  runner->hash = token_hash(token);
  by_token_hash_[runner->hash] = runner;
  runner->patience_ends = patience_for(*runner->job);
  std::string failed;
  try {
    const core::fs::path folder = layout_.job(id);
    core::remove_tree(folder);
    core::fs::create_directories(layout_.log_folder(id));
    core::fs::create_directory(folder);
    core::fs::permissions(folder, core::fs::perms::owner_all);
    proto::RunnerStart begin;
    begin.socket = socket_;
    begin.token = token;
    begin.job = id;
    begin.folder = folder.string();
    if (spares_.empty()) warm_up();
    // A spare that was killed meanwhile has closed its end: the next one is taken.
    while (!spares_.empty() && spares_.front().child.try_wait())
      spares_.pop_front();
    if (spares_.empty()) warm_up();
    Spare spare = std::move(spares_.front());
    spares_.pop_front();
    core::write_all(spare.to_stdin.get(), proto::encode(begin) + "\n");
    runner->child = std::move(spare.child);
  } catch (const std::exception& error) {
    failed = error.what();
  }
  if (!failed.empty()) {
    by_token_hash_.erase(runner->hash);
    co_await conductor_.end_job(runner->job, Conclusion::failure,
                                "the runner cannot be started: " + failed);
    co_return;
  }
  const std::int64_t pid = runner->child.pid();
  const std::string name = runner_name();
  co_await conductor_.db().write([&](Database& d) {
    storage::set_token_hash(d, id, runner->hash);
    storage::set_runner(d, id, pid, name);
  });
  runner->is_stored = true;
  runner->stored.notify();
  warm_up();
  const os::ExitStatus status = co_await os::async_wait(runner->child);
  co_await ended(runner, os::to_string(status));
}

void Supervisor::adopt(std::shared_ptr<ActiveJob> job) {
  auto runner = std::make_shared<Runner>(runtime_.executor(), std::move(job));
  runner->hash = runner->job->token_hash;
  runner->is_stored = true;
  runner->patience_ends = patience_for(*runner->job);
  if (!runner->hash.empty()) by_token_hash_[runner->hash] = runner;
  const core::fs::path folder = layout_.job(runner->job->id);
  if (is_locked(folder)) {
    const auto text = core::read_file_if_exists(folder / "runner.pid");
    const int pid = text ? std::atoi(text->c_str()) : 0;
    if (pid > 0) runner->pidfd.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  }
  // A runner that ended, or whose number is another's by now, holds no lock.
  const bool lives = runner->pidfd && is_locked(folder);
  core::log::info("runner taken up again",
                  {{"job", runner->job->id.value}, {"state", lives ? "running" : "gone"}});
  auto follow = [](Supervisor& self, RunnerPointer its, bool is_alive) -> async::Task<> {
    if (is_alive) co_await os::wait_exited(its->pidfd.get());
    co_await self.ended(its, "it ended while gantryd was away or later");
  };
  tasks_.spawn("following runner", follow(*this, runner, lives));
}

// What the runner kept on disk counts, also what it had no time to send.
async::Task<> Supervisor::ended(RunnerPointer runner, std::string how) {
  runner->ended = true;
  const std::shared_ptr<ActiveJob> job = runner->job;
  const core::fs::path folder = layout_.job(job->id);
  if (job->phase != ActiveJob::Phase::finished) {
    auto events = read_spool(folder);
    if (!events) {
      core::log::error("runner's events cannot be read",
                       {{"job", job->id.value}, {"why", events.error().message}});
    } else {
      co_await take(runner, std::move(*events));
    }
  }
  by_token_hash_.erase(runner->hash);
  if (job->phase == ActiveJob::Phase::starting && job->cancel_reason.empty() &&
      ++job->lost_starts < kLostStarts) {
    core::log::warn("runner died before its job began, trying again",
                    {{"job", job->id.value}, {"how", how}});
    conductor_.requeue(job);
    co_return;
  }
  if (job->phase != ActiveJob::Phase::finished) {
    const bool began = job->phase == ActiveJob::Phase::running;
    const std::string reason =
        !job->cancel_reason.empty()
            ? job->cancel_reason
            : "the runner was lost " +
                  std::string(began ? "while the job ran: " : "before the job could begin: ") + how;
    co_await conductor_.end_job(
        job, job->cancel_reason.empty() ? Conclusion::failure : Conclusion::cancelled, reason);
  }
  co_await tidy(job->id);
}

async::Task<> Supervisor::tidy(core::JobId job) {
  const auto left = co_await async::offload(runtime_.pool(), [&] {
    auto problem = core::remove_tree(layout_.job(job));
    std::error_code none;
    const auto size = core::fs::file_size(layout_.log(job), none);
    if (!none && size >= kCompressFrom) storage::compress_log(layout_, job);
    return problem;
  });
  if (left) core::log::warn("job folder cannot be removed", {{"job", job.value}, {"why", *left}});
}

async::Task<> Supervisor::end_overdue() {
  for (;;) {
    co_await async::sleep_for(kOverduePause);
    const auto now = std::chrono::steady_clock::now();
    for (const auto& [hash, runner] : by_token_hash_) {
      if (!runner->job->cancel_reason.empty() && !runner->is_cancelled) {
        runner->is_cancelled = true;
        runner->patience_ends = std::min(runner->patience_ends, now + kCancelPatience);
      }
      if (now < runner->patience_ends || runner->ended) continue;
      core::log::error("runner does not end, killing it", {{"job", runner->job->id.value}});
      runner->kill();
      runner->patience_ends = now + kCancelPatience;
    }
  }
}

std::chrono::steady_clock::time_point Supervisor::patience_for(const ActiveJob& job) const {
  const auto timeout = std::chrono::ceil<std::chrono::minutes>(
      job.plan.timeout.value_or(conductor_.settings()->config.limits.timeout));
  return std::chrono::steady_clock::now() + timeout + kCancelPatience;
}

void Supervisor::kill_all() {
  for (const auto& [hash, runner] : by_token_hash_) {
    if (!runner->ended) runner->kill();
  }
}

void Supervisor::release_all() {
  released_ = true;
  spares_.clear();  // they wait for work: killed
  for (auto& [hash, runner] : by_token_hash_) {
    if (runner->child) runner->pidfd = runner->child.release();
    runner->job->control.notify();  // its long poll is answered, stopping need not wait for it
  }
}

async::Task<EventsStored> Supervisor::take(RunnerPointer runner,
                                           std::vector<proto::RunnerEvent> events) {
  const std::shared_ptr<ActiveJob> job = runner->job;
  const auto settings = conductor_.settings();
  ReportTo report;
  report.channel = report_channel(*settings, job->run->repo);
  report.public_url = settings->public_url();
  const core::Timestamp now = conductor_.clock().now();
  // A runner knows that it was to stop; why is known here.
  for (proto::RunnerEvent& event : events) {
    auto* completed = std::get_if<proto::JobCompleted>(&event.body);
    if (completed != nullptr && completed->conclusion == Conclusion::cancelled &&
        !job->cancel_reason.empty()) {
      completed->reason = job->cancel_reason;
    }
  }
  EventsStored stored = co_await conductor_.db().write(
      [&](Database& d) { return store_events(d, *job, events, report, now); });
  conductor_.job_progressed(*job, stored.started ? Progress::started : Progress::going_on);
  if (stored.completed) {
    core::log::info("job completed",
                    {{"job", job->id.value}, {"conclusion", to_string(*stored.completed)}});
    tasks_.spawn("job completed", conductor_.job_completed(job, *stored.completed, stored.outputs));
  }
  co_return stored;
}

}  // namespace gantry::daemon::control
