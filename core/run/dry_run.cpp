// SPDX-License-Identifier: MIT
#include "core/run/dry_run.hpp"

#include <deque>

namespace gantry::core::run {
namespace {

class DryRun {
 public:
  explicit DryRun(RunMachine machine) : machine_(std::move(machine)) {}

  std::vector<DryJob> run() {
    take(machine_.start());
    while (!running_.empty()) {
      const LegKey key = running_.front();
      running_.pop_front();
      take(machine_.leg_finished(key, Conclusion::success, {}));
    }
    return std::move(jobs_);
  }

 private:
  DryJob& add(const LegKey& key, const std::string& name, DryJob::Outcome outcome) {
    DryJob job;
    job.key = key;
    job.name = name;
    job.outcome = outcome;
    if (const workflow::Job* written = machine_.workflow().find_job(key.job_id)) {
      for (const auto& need : written->needs)
        job.needs.push_back(need.value);
    }
    jobs_.push_back(std::move(job));
    return jobs_.back();
  }

  void take(const Effects& effects) {
    for (const Effect& effect : effects) {
      if (const auto* leg = std::get_if<CreateLeg>(&effect)) {
        DryJob& job = add(leg->key, leg->name, DryJob::Outcome::starts);
        job.labels = leg->labels;
        job.matrix = leg->matrix;
        if (leg->concurrency) job.concurrency = leg->concurrency->group;
        running_.push_back(leg->key);
      } else if (const auto* skip = std::get_if<SkipJob>(&effect)) {
        DryJob& job = add(skip->key, skip->name, DryJob::Outcome::skipped);
        job.condition = skip->condition;
        job.because = skip->because;
      } else if (const auto* fail = std::get_if<FailJob>(&effect)) {
        add(fail->key, fail->name, DryJob::Outcome::fails).problem =
            yaml::sentence(fail->diagnostic);
      }
    }
  }

  RunMachine machine_;
  std::deque<LegKey> running_;
  std::vector<DryJob> jobs_;
};

}  // namespace

std::vector<DryJob> dry_run(std::shared_ptr<const workflow::Workflow> workflow,
                            RunContexts contexts) {
  return DryRun(RunMachine(std::move(workflow), std::move(contexts))).run();
}

}  // namespace gantry::core::run
