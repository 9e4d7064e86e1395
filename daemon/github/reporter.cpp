// SPDX-License-Identifier: MIT
#include "daemon/github/reporter.hpp"

#include "core/base/log.hpp"

#include <algorithm>
#include <random>

namespace gantry::daemon::github {
namespace {

using core::Timestamp;
using proto::RestOutcome;
using proto::RestVerdict;
using std::chrono::milliseconds;

constexpr std::chrono::seconds kCloseGrace{10};
constexpr std::chrono::seconds kQueueRetry{5};

struct Lane {
  bool is_running = false;
  Timestamp paused_until{};
  int waits = 0;     // rate limits without a time, one after another
  int troubles = 0;  // since the last answer that was none
  std::string last_refusal;
};

}  // namespace

struct Reporter::State {
  State(asio::any_io_executor executor, GithubClient& g, ReportQueue& q, const core::Clock& c,
        ReporterConfig configuration)
      : github(g), queue(q), clock(c), config(configuration), tasks(executor), wake(executor) {}

  Task<> dispatch();
  Task<> start_lanes(Timestamp now);
  Task<> run_lane(std::int64_t id);
  Task<> report(Lane& lane, ReportItem item);
  Task<RestVerdict> tell_status(ReportItem& item);
  Task<RestVerdict> tell_check_run(ReportItem& item);
  Task<RestVerdict> look_up(ReportItem& item);
  Task<RestVerdict> write(ReportItem& item, std::size_t total);
  Task<> settle(Lane& lane, const ReportItem& item, const RestVerdict& verdict);
  Task<> retry_later(Lane& lane, const ReportItem& item, const RestVerdict& verdict);
  Task<> refused(Lane& lane, const ReportItem& item, const RestVerdict& verdict);
  Task<> give_up(const ReportItem& item, const RestVerdict& verdict);
  milliseconds back_off(int failures);

  GithubClient& github;
  ReportQueue& queue;
  const core::Clock& clock;
  ReporterConfig config;
  std::map<std::int64_t, Lane> lanes;
  std::minstd_rand random{std::random_device()()};
  bool closing = false;
  async::TaskGroup tasks;
  async::Wakeup wake;
};

// Twice as long for each failure, up to the longest, a quarter of it left to chance so that lanes
// do not come back together.
milliseconds Reporter::State::back_off(int failures) {
  const auto doubled = config.first_retry * (std::int64_t{1} << std::clamp(failures - 1, 0, 20));
  const auto wait = std::min<milliseconds>(doubled, config.longest_retry);
  std::uniform_int_distribution<std::int64_t> chance(0, wait.count() / 4);
  return wait - milliseconds(chance(random));
}

Task<> Reporter::State::dispatch() {
  while (!closing) {
    auto next_look = Timestamp::max();
    std::string failure;
    try {
      // One time for both questions: what is not due for the first is waited for by the second.
      const Timestamp now = clock.now();
      co_await start_lanes(now);
      next_look = (co_await queue.next_try(now)).value_or(Timestamp::max());
      for (const auto& [id, lane] : lanes) {
        if (lane.paused_until > now) next_look = std::min(next_look, lane.paused_until);
      }
    } catch (const core::Exception& error) {
      failure = error.what();
    }
    if (!failure.empty()) {
      core::log::error("reading what to report failed", {{"error", failure}});
      next_look = clock.now() + kQueueRetry;
    }
    if (closing) break;
    if (next_look == Timestamp::max()) {
      co_await wake.wait();
    } else {
      const auto left = std::max<milliseconds>(next_look - clock.now(), milliseconds(1));
      co_await wake.wait_until(std::chrono::steady_clock::now() + left);
    }
  }
}

Task<> Reporter::State::start_lanes(Timestamp now) {
  const std::vector<std::int64_t> due = co_await queue.due_lanes(now);
  for (const std::int64_t id : due) {
    Lane& lane = lanes[id];
    if (lane.is_running || lane.paused_until > now) continue;
    lane.is_running = true;
    tasks.spawn("github reports", run_lane(id));
  }
}

Task<> Reporter::State::run_lane(std::int64_t id) {
  Lane& lane = lanes[id];
  struct Running {
    Running(State& s, Lane& l) : state(s), lane(l) {}
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    ~Running() {
      lane.is_running = false;
      state.wake.notify();
    }
    State& state;
    Lane& lane;
  } const running(*this, lane);
  core::Error failure;
  try {
    while (!closing && lane.paused_until <= clock.now()) {
      std::optional<ReportItem> item = co_await queue.next(id, clock.now());
      if (!item) co_return;
      co_await report(lane, std::move(*item));
      if (config.write_gap.count() > 0) co_await async::sleep_for(config.write_gap);
    }
    co_return;
  } catch (const core::Exception& error) {
    if (error.error().code == core::Errc::cancelled) throw;
    failure = error.error();
  }
  // Still due: without a rest GitHub would be told the same again as fast as it answers.
  core::log::error("noting what was reported failed", {{"error", failure.message}});
  lane.paused_until = clock.now() + kQueueRetry;
}

Task<> Reporter::State::report(Lane& lane, ReportItem item) {
  RestVerdict verdict;
  std::string failure;
  try {
    // Not `?:`: GCC 12 frees the unused arm's temporary too when both arms hold co_await.
    if (item.channel == Channel::check_run) {
      verdict = co_await tell_check_run(item);
    } else {
      verdict = co_await tell_status(item);
    }
  } catch (const core::Exception& error) {
    if (error.error().code != core::Errc::invalid) throw;
    failure = error.what();  // a report nobody can send, like one for a repository without a name
  }
  if (!failure.empty()) {
    verdict.outcome = RestOutcome::invalid;
    verdict.message = failure;
  }
  co_await settle(lane, item, verdict);
}

Task<RestVerdict> Reporter::State::tell_status(ReportItem& item) {
  auto reply = co_await github.create_status(item.target, item.report.head_sha,
                                             proto::commit_status_body(item.report));
  if (reply.verdict.outcome == RestOutcome::ok) item.remote.id = reply.value;
  co_return std::move(reply.verdict);
}

// Create, annotate, complete: as many requests as that takes, each only when the one before is
// known to have arrived.
Task<RestVerdict> Reporter::State::tell_check_run(ReportItem& item) {
  const std::size_t total = proto::annotations_to_send(item.report);
  for (;;) {
    if (item.remote.uncertain) {
      RestVerdict found = co_await look_up(item);
      if (found.outcome != RestOutcome::ok) co_return found;
    }
    RestVerdict verdict = co_await write(item, total);
    if (verdict.outcome != RestOutcome::ok) co_return verdict;
    if (static_cast<std::size_t>(item.remote.annotations_sent) >= total) co_return verdict;
  }
}

// What became of a write whose answer was never seen.
Task<RestVerdict> Reporter::State::look_up(ReportItem& item) {
  Reply<proto::RemoteCheckRun> reply;
  if (item.remote.id == 0) {
    reply = co_await github.find_check_run(item.target, item.report.head_sha, item.report.name,
                                           item.report.external_id);
  } else {
    reply = co_await github.get_check_run(item.target, item.remote.id);
  }
  if (reply.verdict.outcome == RestOutcome::ok) {
    item.remote.id = reply.value.id;
    item.remote.annotations_sent = reply.value.annotations;
    item.remote.uncertain = false;
    co_await queue.keep_remote(item.key, item.remote);
  }
  co_return std::move(reply.verdict);
}

// One POST or PATCH. What cannot be repeated is noted down before it is sent.
Task<RestVerdict> Reporter::State::write(ReportItem& item, std::size_t total) {
  Remote& remote = item.remote;
  const bool is_new = remote.id == 0;
  const auto first = std::min(static_cast<std::size_t>(remote.annotations_sent), total);
  const std::size_t batch = std::min(proto::kAnnotationsPerRequest, total - first);
  if (is_new || batch > 0) {
    remote.uncertain = true;
    co_await queue.keep_remote(item.key, remote);
  }
  Reply<proto::RemoteCheckRun> reply;
  if (is_new) {
    reply =
        co_await github.create_check_run(item.target, proto::check_run_create_body(item.report));
  } else {
    reply = co_await github.update_check_run(item.target, remote.id,
                                             proto::check_run_update_body(item.report, first));
  }
  if (!reply.verdict.maybe_carried) remote.uncertain = false;
  if (reply.verdict.outcome == RestOutcome::ok) {
    remote.id = reply.value.id;
    remote.annotations_sent = static_cast<std::int64_t>(first + batch);
  }
  co_await queue.keep_remote(item.key, remote);
  co_return std::move(reply.verdict);
}

Task<> Reporter::State::settle(Lane& lane, const ReportItem& item, const RestVerdict& verdict) {
  switch (verdict.outcome) {
    case RestOutcome::ok:
    case RestOutcome::not_modified:
      lane.waits = lane.troubles = 0;
      lane.last_refusal.clear();
      co_await queue.mark_sent(item.key, item.version, item.remote);
      break;
    case RestOutcome::wait:
      lane.paused_until =
          std::max(verdict.retry_at.value_or(clock.now()), clock.now() + milliseconds(back_off(1)));
      ++lane.waits;
      core::log::warn("GitHub's rate limit is reached",
                      {{"installation", item.target.installation_id},
                       {"until", core::to_iso8601(lane.paused_until)},
                       {"message", verdict.message}});
      co_await queue.mark_failed(item.key, item.attempts, lane.paused_until, verdict.message);
      break;
    case RestOutcome::trouble:
    case RestOutcome::unreachable:
      co_await retry_later(lane, item, verdict);
      break;
    case RestOutcome::unauthorized:
    case RestOutcome::denied:
      co_await refused(lane, item, verdict);
      break;
    case RestOutcome::gone:
    case RestOutcome::invalid:
      co_await give_up(item, verdict);
      break;
  }
}

// GitHub is away or ill: the lane rests too, so that an outage is not met with one try per job.
Task<> Reporter::State::retry_later(Lane& lane, const ReportItem& item,
                                    const RestVerdict& verdict) {
  const Timestamp now = clock.now();
  const Timestamp told = verdict.retry_at.value_or(now);
  const Timestamp next_try = std::max(told, now + back_off(item.attempts + 1));
  ++lane.troubles;
  lane.paused_until = std::max(told, now + back_off(std::min(lane.troubles, 6)));
  core::log::warn("GitHub did not take a report", {{"repository", item.target.repository},
                                                   {"check", item.report.name},
                                                   {"next_try", core::to_iso8601(next_try)},
                                                   {"error", verdict.message}});
  co_await queue.mark_failed(item.key, item.attempts + 1, next_try, verdict.message);
}

// A person has to act. Told once, tried again now and then.
Task<> Reporter::State::refused(Lane& lane, const ReportItem& item, const RestVerdict& verdict) {
  if (item.attempts + 1 >= config.permission_tries) {
    co_await give_up(item, verdict);
    co_return;
  }
  const Timestamp next_try = clock.now() + config.longest_retry;
  if (lane.last_refusal != verdict.message) {
    core::log::error("GitHub refuses reports", {{"repository", item.target.repository},
                                                {"installation", item.target.installation_id},
                                                {"error", verdict.message}});
    lane.last_refusal = verdict.message;
  }
  co_await queue.mark_failed(item.key, item.attempts + 1, next_try, verdict.message);
}

Task<> Reporter::State::give_up(const ReportItem& item, const RestVerdict& verdict) {
  core::log::error("a report is given up", {{"repository", item.target.repository},
                                            {"check", item.report.name},
                                            {"sha", item.report.head_sha},
                                            {"error", verdict.message}});
  co_await queue.mark_dead(item.key, item.version, verdict.message);
}

Reporter::Reporter(asio::any_io_executor executor, GithubClient& github, ReportQueue& queue,
                   const core::Clock& clock, ReporterConfig config)
    : state_(std::make_unique<State>(std::move(executor), github, queue, clock, config)) {}

Reporter::~Reporter() = default;

void Reporter::start() {
  state_->tasks.spawn("github reporter", state_->dispatch());
}

void Reporter::notify() {
  state_->wake.notify();
}

Task<> Reporter::close() {
  State& state = *state_;
  state.closing = true;
  state.wake.notify();
  try {
    co_await async::with_timeout(kCloseGrace, "ending reports", state.tasks.join());
  } catch (const core::Exception& error) {
    core::log::info("cutting reports; they go on after the next start", {{"why", error.what()}});
  }
  co_await state.tasks.close();
}

std::map<std::int64_t, core::Timestamp> Reporter::paused() const {
  std::map<std::int64_t, core::Timestamp> result;
  const Timestamp now = state_->clock.now();
  for (const auto& [id, lane] : state_->lanes) {
    if (lane.paused_until > now) result.emplace(id, lane.paused_until);
  }
  return result;
}

}  // namespace gantry::daemon::github
