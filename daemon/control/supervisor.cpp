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

#include <algorithm>
#include <csignal>
#include <set>

namespace gantry::daemon::control {
namespace {

using core::run::Conclusion;
using http::Request;
using http::Response;
using storage::Database;

constexpr std::size_t kSpares = 2;
constexpr int kRunnerPipeBytes = 1 << 20;
constexpr int kPrepareRoomBytes = 16 << 10;  // the first line may not have been read yet
constexpr int kLostStarts = 3;
// Small logs take a block each way; compressing them saves nothing.
constexpr std::uint64_t kCompressFrom = 16 << 10;
constexpr std::uint64_t kEventsLimit = 64ULL << 20;
constexpr std::chrono::seconds kOverduePause{5};
constexpr std::chrono::seconds kFirstLeftPause{1};
constexpr std::chrono::seconds kLongestLeftPause{60};
// A runner keeps its job's times itself; so much later it is thought to hang.
const std::chrono::minutes kCancelPatience =
    proto::JobMessage().cancel_timeout + std::chrono::minutes(1);

// A link to a runner's folder or the folder: gone, if its runner is.
bool is_removed(const core::fs::path& path) {
  if (runner_lives(path)) return false;
  return !(core::fs::is_symlink(path) ? core::remove_tree(path) : remove_runner_folder(path));
}

// The job's link, and the folder of its runner behind it. What could not be removed.
std::vector<core::fs::path> remove_job(const storage::Layout& layout, core::JobId job) {
  std::error_code none;
  std::vector<core::fs::path> left = {core::fs::read_symlink(layout.job(job), none),
                                      layout.job(job)};
  std::erase_if(left, [](const core::fs::path& path) { return path.empty() || is_removed(path); });
  return left;
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
                       TokenSource tokens, MirrorSource mirrors)
    : runtime_(runtime),
      conductor_(conductor),
      layout_(std::move(layout)),
      programs_(std::move(programs)),
      nursery_(programs_.runner),
      socket_(std::move(socket)),
      tasks_(tasks),
      tokens_(std::move(tokens)),
      mirrors_(std::move(mirrors)) {}

Supervisor::~Supervisor() {
  release_all();
}

// Makes its sandbox ready while it waits: the next job is likely to want what the last one did.
Supervisor::Spare Supervisor::spawn_spare() {
  const LockedFolder folder = make_runner_folder(layout_.runners());
  try {
    return spawn_spare_in(folder);
  } catch (const core::Exception&) {
    remove_runner_folder(folder.path);
    throw;
  }
}

Supervisor::Spare Supervisor::spawn_spare_in(const LockedFolder& folder) {
  Spare spare{folder.path, nursery_.start_runner(folder.lock)};
  write_runner_pid(spare.folder, spare.runner.child.pid());
  // So that job messages fit in; where the kernel refuses, big ones are fetched.
  (void)::fcntl(spare.runner.to_stdin.get(), F_SETPIPE_SZ, kRunnerPipeBytes);
  proto::RunnerPrepare prepare;
  prepare.folder = spare.folder.string();
  prepare.sandbox = sandbox_for(*conductor_.settings(), last_offer_, last_trust_);
  prepare.agent_binary = programs_.agent.string();
  prepare.roots = layout_.roots().string();
  core::write_all(spare.runner.to_stdin.get(), proto::encode(prepare) + "\n");
  return spare;
}

void Supervisor::warm_up() {
  try {
    while (!released_ && spares_.size() < kSpares)
      spares_.push_back(spawn_spare());
  } catch (const std::exception& error) {
    core::log::warn("no runner started ahead of need", {{"why", error.what()}});
  }
}

void Supervisor::sweep() {
  std::set<core::fs::path> used;
  for (const Spare& spare : spares_)
    used.insert(spare.folder);
  std::vector<core::fs::path> left;
  for (const auto& entry : core::fs::directory_iterator(layout_.jobs())) {
    const core::JobId id{std::atoll(entry.path().filename().c_str())};
    if (!conductor_.find_job(id)) {
      left.push_back(entry.path());
    } else if (entry.is_symlink()) {
      used.insert(core::fs::read_symlink(entry.path()));
    }
  }
  for (const auto& entry : core::fs::directory_iterator(layout_.runners())) {
    if (!used.contains(entry.path())) left.push_back(entry.path());
  }
  if (!left.empty()) tasks_.spawn("removing what a crash left", remove_left(std::move(left)));
}

// A runner that waited for work, or whose job has ended, may take its time to end; so may the
// processes of one that was killed.
async::Task<> Supervisor::remove_left(std::vector<core::fs::path> left) {
  for (auto pause = kFirstLeftPause;; pause = std::min(2 * pause, kLongestLeftPause)) {
    co_await async::offload(runtime_.pool(), [&] { std::erase_if(left, is_removed); });
    if (left.empty()) co_return;
    co_await async::sleep_for(pause);
  }
}

Supervisor::Spare Supervisor::take_spare() {
  // One that was killed meanwhile has closed its end: the next one is taken.
  while (!spares_.empty() && spares_.front().runner.child.try_wait()) {
    remove_runner_folder(spares_.front().folder);
    spares_.pop_front();
  }
  if (spares_.empty()) return spawn_spare();
  Spare spare = std::move(spares_.front());
  spares_.pop_front();
  return spare;
}

void Supervisor::start(std::shared_ptr<ActiveJob> job) {
  auto runner = std::make_shared<Runner>(std::move(job));
  tasks_.spawn("running job", run(std::move(runner)));
}

bool Supervisor::has_runner(core::JobId job) const {
  return core::fs::exists(layout_.job_token(job));
}

// Hands the job to a waiting runner. All that a gantryd started later needs to take it up again is
// in the job's folder by then: the runner's lock, its number and its token's hash.
void Supervisor::hand_over(Runner& runner, proto::JobMessage message) {
  const core::JobId id = runner.job->id;
  const std::string token = core::random_hex(32);
  runner.hash = token_hash(token);
  core::fs::create_directories(layout_.log_folder(id));
  remove_job(layout_, id);  // of a runner that died before the job began
  Spare spare = take_spare();
  core::fs::create_symlink(spare.folder, layout_.job(id));
  core::write_file_atomic(layout_.job_token(id), runner.hash);
  proto::RunnerStart begin;
  begin.socket = socket_;
  begin.token = token;
  begin.job = id;
  begin.folder = spare.folder.string();
  begin.message = std::move(message);
  std::string line = proto::encode(begin);
  const int room = ::fcntl(spare.runner.to_stdin.get(), F_GETPIPE_SZ) - kPrepareRoomBytes;
  if (static_cast<int>(line.size()) > room) {
    begin.message.reset();
    line = proto::encode(begin);
  }
  core::write_all(spare.runner.to_stdin.get(), line + "\n");
  runner.child = std::move(spare.runner.child);
}

async::Task<> Supervisor::run(RunnerPointer runner) {
  last_offer_ = runner->job->offer;
  last_trust_ = runner->job->run->row.trust;
  runner->patience_ends = patience_for(*runner->job);
  std::string failed;
  try {
    proto::JobMessage message = co_await message_for(runner->job);
    hand_over(*runner, std::move(message));
    by_token_hash_[runner->hash] = runner;
  } catch (const std::exception& error) {
    failed = error.what();
  }
  if (!failed.empty()) {
    if (try_again(runner->job, failed)) co_return;
    co_await conductor_.end_job(runner->job, Conclusion::failure,
                                "the runner cannot be started: " + failed);
    co_await tidy(runner->job->id);
    co_return;
  }
  warm_up();
  const os::ExitStatus status = co_await os::async_wait(runner->child);
  co_await ended(runner, os::to_string(status));
}

void Supervisor::adopt(std::shared_ptr<ActiveJob> job) {
  auto runner = std::make_shared<Runner>(std::move(job));
  const core::JobId id = runner->job->id;
  const core::fs::path folder = layout_.job(id);
  runner->hash = core::read_file_if_exists(layout_.job_token(id)).value_or("");
  runner->patience_ends = patience_for(*runner->job);
  if (!runner->hash.empty()) by_token_hash_[runner->hash] = runner;
  runner->pidfd = open_runner(folder);
  const bool lives = static_cast<bool>(runner->pidfd);
  core::log::info("runner taken up again",
                  {{"job", id.value}, {"state", lives ? "running" : "gone"}});
  auto follow = [](Supervisor& self, RunnerPointer its, bool is_alive) -> async::Task<> {
    if (is_alive) co_await os::wait_exited(its->pidfd.get());
    co_await self.ended(its, "it ended while gantryd was away or later");
  };
  tasks_.spawn("following runner", follow(*this, runner, lives));
}

// Whether it has become another runner's turn: nothing of the job has happened yet.
bool Supervisor::try_again(const std::shared_ptr<ActiveJob>& job, const std::string& how) {
  const bool may = job->phase == ActiveJob::Phase::starting && job->cancel_reason.empty();
  if (!may || ++job->lost_starts >= kLostStarts) return false;
  core::log::warn("runner died before its job began, trying again",
                  {{"job", job->id.value}, {"how", how}});
  conductor_.requeue(job);
  return true;
}

// What the runner kept on disk counts, also what it had no time to send.
async::Task<> Supervisor::ended(RunnerPointer runner, std::string how) {
  runner->ended = true;
  const std::shared_ptr<ActiveJob> job = runner->job;
  job->control.notify();  // or its long poll goes on, and stopping waits for it
  const core::fs::path folder = layout_.job(job->id);
  if (job->phase != ActiveJob::Phase::finished) {
    auto events = read_spool(folder);
    if (!events) {
      core::log::error("runner's events cannot be read",
                       {{"job", job->id.value}, {"why", events.error().message}});
    } else {
      co_await take_rest(runner, std::move(*events));
    }
  }
  by_token_hash_.erase(runner->hash);
  if (try_again(job, how)) co_return;
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

// Nobody sends them again: a full disk delays them. What can never be stored is a lost runner's.
async::Task<> Supervisor::take_rest(RunnerPointer runner, std::vector<proto::RunnerEvent> events) {
  for (;;) {
    std::optional<core::Error> failed;
    try {
      co_await take(runner, events);
      co_return;
    } catch (const core::Exception& error) {
      failed = error.error();
    }
    core::log::error("runner's events cannot be stored",
                     {{"job", runner->job->id.value}, {"why", failed->message}});
    if (failed->code != core::Errc::io) co_return;
    co_await async::sleep_for(std::chrono::seconds(1));
  }
}

async::Task<> Supervisor::tidy(core::JobId job) {
  std::vector<core::fs::path> left = co_await async::offload(runtime_.pool(), [&] {
    auto not_removed = remove_job(layout_, job);
    std::error_code none;
    const auto size = core::fs::file_size(layout_.log(job), none);
    if (!none && size >= kCompressFrom) storage::compress_log(layout_, job);
    return not_removed;
  });
  if (left.empty()) co_return;
  core::log::warn("job folder cannot be removed yet, trying again",
                  {{"job", job.value}, {"folder", left.front().string()}});
  co_await async::sleep_for(kFirstLeftPause);
  co_await remove_left(std::move(left));
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
  for (Spare& spare : spares_) {
    spare.runner.child = os::Child();  // it waits for work: killed
    remove_runner_folder(spare.folder);
  }
  spares_.clear();
  nursery_.close();
  for (auto& [hash, runner] : by_token_hash_) {
    if (runner->child) runner->pidfd = runner->child.release();
    runner->job->control.notify();  // its long poll is answered, stopping need not wait for it
  }
}

async::Task<EventsStored> Supervisor::take(RunnerPointer runner,
                                           std::vector<proto::RunnerEvent> events) {
  const std::shared_ptr<ActiveJob> job = runner->job;
  const ReportTo report = conductor_.report_to(job->run->repo);
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
  conductor_.take(stored.told);
  conductor_.job_progressed(*job, stored.started ? Progress::started : Progress::going_on);
  if (stored.completed) {
    core::log::info("job completed",
                    {{"job", job->id.value}, {"conclusion", to_string(*stored.completed)}});
    tasks_.spawn("job completed", conductor_.job_completed(job, *stored.completed, stored.outputs));
  }
  co_return stored;
}

}  // namespace gantry::daemon::control
