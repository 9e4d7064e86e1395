// SPDX-License-Identifier: MIT
// What runs beside the steps: time, disk, progress of the log, and cancelling.
#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/log.hpp"
#include "core/base/time.hpp"
#include "daemon/async/offload.hpp"
#include "daemon/runner/disk_use.hpp"
#include "daemon/runner/job_background.hpp"
#include "daemon/runner/job_side.hpp"

namespace gantry::daemon::runner {
namespace {

using core::run::Conclusion;
using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kProgressPause{50};
constexpr std::chrono::seconds kDiskPause{2};

}  // namespace

void Job::cancel(CancelReason reason) {
  if (cancelled_) return;
  cancelled_ = reason;
  state_.status = Conclusion::cancelled;
  for (SideStep& side : side_)
    side.state.status = Conclusion::cancelled;
  give_up_at_ = steady_clock::now() + message_.cancel_timeout;
  if (reason == CancelReason::timed_out) {
    failure_reason_ = "The job running on runner " + contexts_.runner()["name"].to_string() +
                      " has exceeded the maximum execution time of " +
                      core::minutes_text(message_.timeout) + " minutes.";
    proto::JobAnnotation annotation;
    annotation.level = proto::AnnotationLevel::error;
    annotation.message = failure_reason_;
    link_.report(std::move(annotation));
    log_.say("##[error]" + failure_reason_);
  } else {
    if (failure_reason_.empty()) failure_reason_ = "The operation was canceled.";
    log_.say("##[error]The operation was canceled.");
  }
  log_.flush();
  hashes_.stop();
  checkouts_.stop();
  processes_.wake();
  job_wake_.notify();
}

async::Task<> Job::watch_time() {
  const SteadyTime job_end = steady_clock::now() + message_.timeout;
  while (!cancelled_) {
    co_await job_wake_.wait_until(job_end);
    if (!cancelled_ && steady_clock::now() >= job_end) cancel(CancelReason::timed_out);
  }
  while (steady_clock::now() < *give_up_at_)
    co_await job_wake_.wait_until(*give_up_at_);
  log_.say("##[error]The job did not end within " +
           std::to_string(message_.cancel_timeout.count()) +
           " minutes after it was cancelled: its processes are killed");
  gave_up_ = true;
  hashes_.stop();
  checkouts_.stop();
  processes_.kill_all();
  processes_.wake();
}

async::Task<> Job::watch_disk() {
  bool over = false;
  for (;;) {
    co_await async::sleep_for(kDiskPause);
    const std::uint64_t limit = message_.sandbox.disk_bytes;
    const auto measure = [&] { return disk_use_bytes(settings_.folder, limit); };
    const std::uint64_t bytes = co_await async::offload(runtime_.pool(), measure);
    if (bytes > limit && !over) {
      over_limit_ =
          "The job uses more disk than its limit of " + std::to_string(limit >> 20) + " MiB.";
      processes_.wake();
    }
    over = bytes > limit;
  }
}

// Tells how far the log is, one message at a time: while gantryd is away nothing piles up.
async::Task<> Job::report_progress() {
  std::int64_t told = 0;
  for (;;) {
    co_await progress_.wait();
    if (log_.written_lines() == told || !link_.all_acknowledged()) continue;
    proto::LogAdvanced advanced;
    advanced.lines = told = log_.written_lines();
    advanced.bytes = log_.written_bytes();
    link_.report(advanced);
    co_await async::sleep_for(kProgressPause);
    progress_.notify();
  }
}

void Job::on_output() {
  progress_.notify();
  std::string why = log_.problem().empty() ? log_.closed() : log_.problem();
  for (const SideStep& side : side_) {
    if (why.empty()) why = side.log.problem().empty() ? side.log.closed() : side.log.problem();
  }
  if (output_limit_seen_ || why.empty()) return;
  output_limit_seen_ = true;
  over_limit_ = why;
  processes_.wake();
}

void Job::close_background() {
  for (Background& one : background_)
    one.pump.drain();
  collect_logs();
}

}  // namespace gantry::daemon::runner
