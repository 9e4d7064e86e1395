// SPDX-License-Identifier: MIT
// The part of the conductor that lets jobs wait for their environment.
#include "core/base/log.hpp"
#include "core/base/text.hpp"
#include "daemon/control/conductor.hpp"
#include "daemon/control/db_thread.hpp"
#include "storage/reviews.hpp"

#include <algorithm>

namespace gantry::daemon::control {
namespace {

using core::Errc;
using core::Exception;
using core::run::Gate;
using core::run::GateDecision;
using core::run::JobStatus;
using storage::Database;

core::workflow::Filter to_filter(const std::vector<std::string>& patterns) {
  if (patterns.empty()) return std::nullopt;
  core::workflow::Filter filter(std::in_place);
  for (const std::string& pattern : patterns) {
    auto& item = filter->emplace_back();
    item.value = pattern;
  }
  return filter;
}

core::run::Protection protection_of(const core::config::Environment& environment) {
  core::run::Protection protection;
  protection.reviewers = environment.reviewers;
  protection.wait = environment.wait;
  protection.branches = to_filter(environment.branches);
  protection.tags = to_filter(environment.tags);
  return protection;
}

bool is_among(const std::vector<std::string>& names, const std::vector<std::string>& allowed) {
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return std::find(allowed.begin(), allowed.end(), name) != allowed.end();
  });
}

}  // namespace

GateDecision Conductor::gate_of(const ActiveRun& run, const std::string& environment,
                                core::Timestamp since) const {
  if (environment.empty()) return {};
  const auto settings = settings_.get();
  const auto* entry = settings->config.find_repository(run.repo.full_name);
  const auto* declared = entry == nullptr ? nullptr : entry->find_environment(environment);
  if (declared == nullptr) return {};
  return core::run::decide_gate(declared->name, protection_of(*declared), run.row.ref, run.reviews,
                                since, clock_.now());
}

// To the scheduler, or to the gate of its environment.
void Conductor::admit(const JobPointer& job, std::optional<core::Timestamp> queued_at) {
  const GateDecision gate = gate_of(*job->run, job->plan.environment, job->since);
  if (gate.gate == Gate::open) return add_to_scheduler(*job, queued_at, std::nullopt);
  gated_.insert(job->id);
}

// When the next one opens by itself.
std::optional<core::Timestamp> Conductor::pass_gates() {
  std::optional<core::Timestamp> next;
  for (auto it = gated_.begin(); it != gated_.end();) {
    const JobPointer job = find_job(*it);
    const bool ended = !job || job->phase == ActiveJob::Phase::finished;
    const GateDecision gate =
        ended ? GateDecision() : gate_of(*job->run, job->plan.environment, job->since);
    if (gate.gate == Gate::waits) {
      if (gate.until) next = std::min(next.value_or(*gate.until), *gate.until);
      ++it;
      continue;
    }
    it = gated_.erase(it);
    if (ended) continue;
    if (gate.gate == Gate::refused) {
      tasks_.spawn("refusing job", end_job(job, core::run::Conclusion::failure, gate.reason));
    } else {
      tasks_.spawn("leaving gate", leave_gate(job));
    }
  }
  return next;
}

// The row first: it must not fall back to queued once the job runs.
async::Task<> Conductor::leave_gate(JobPointer job) {
  const core::Timestamp now = clock_.now();
  storage::JobChange change;
  change.status = job->plan.concurrency ? JobStatus::pending : JobStatus::queued;
  co_await insist("letting job start", [&](Database& d) {
    static_cast<void>(change_job(d, job->id, change, now));  // refused: it was cancelled since
  });
  if (job->phase != ActiveJob::Phase::waiting || !jobs_.contains(job->id)) co_return;
  add_to_scheduler(*job, std::nullopt, std::nullopt);
  changed(job->run);
  tick();
}

async::Task<> Conductor::review(core::RunId id, ReviewWanted wanted) {
  const std::string doing = "reviewing run '" + std::to_string(id.value) + "'";
  const auto found = runs_.find(id);
  const auto settings = settings_.get();
  std::vector<core::run::Review> reviews;
  std::string denied;
  for (const core::JobId waiting : gated_) {
    const JobPointer job = find_job(waiting);
    if (!job || job->run->row.id != id) continue;
    const auto* entry = settings->config.find_repository(job->run->repo.full_name);
    const auto* declared =
        entry == nullptr ? nullptr : entry->find_environment(job->plan.environment);
    if (declared == nullptr || declared->reviewers.empty()) continue;
    const auto same = [&](const std::string& name) {
      return core::equals_ignoring_case(name, declared->name);
    };
    const bool is_meant = wanted.environments.empty() ||
                          std::any_of(wanted.environments.begin(), wanted.environments.end(), same);
    const bool is_known = std::any_of(reviews.begin(), reviews.end(),
                                      [&](const auto& item) { return same(item.environment); });
    if (!is_meant || is_known) continue;
    if (!is_among(wanted.names, declared->reviewers)) {
      denied = "environment '" + declared->name + "' is reviewed by " +
               core::join(declared->reviewers, " or ") + ", not by " +
               core::join(wanted.names, ", ");
      continue;
    }
    core::run::Review review;
    review.environment = declared->name;
    review.reviewer = wanted.names.front();
    review.verdict = wanted.verdict;
    reviews.push_back(std::move(review));
  }
  if (reviews.empty() && !denied.empty()) throw Exception(Errc::denied, doing + ": " + denied);
  if (reviews.empty() || found == runs_.end()) {
    throw Exception(Errc::conflict, doing + ": no job of it waits for a review");
  }
  const RunPointer run = found->second;
  const core::Timestamp now = clock_.now();
  const int attempt = run->row.attempt;
  co_await db_.write([&](Database& d) {
    for (const auto& review : reviews)
      storage::add_review(d, id, attempt, review, wanted.comment, now);
  });
  for (auto& review : reviews) {
    core::log::info("environment reviewed", {{"run", id.value},
                                             {"environment", review.environment},
                                             {"reviewer", review.reviewer},
                                             {"verdict", to_string(review.verdict)}});
    run->reviews.push_back(std::move(review));
  }
  tick();
}

}  // namespace gantry::daemon::control
