// SPDX-License-Identifier: MIT
// What the steps of a job change and the later ones see, and the contexts made of it.
#pragma once

#include "core/expr/value.hpp"
#include "core/run/problem_matcher.hpp"
#include "core/run/states.hpp"
#include "daemon/runner/evaluate.hpp"
#include "daemon/runner/file_hashes.hpp"
#include "daemon/runner/job_folder.hpp"
#include "proto/runner_protocol.hpp"

#include <optional>
#include <string>
#include <vector>

namespace gantry::daemon::runner {

// Files of one step's commands, below _temp.
struct StepFiles {
  fs::path env, output, path, state, summary;
  static StepFiles named(std::string_view unique);
};

struct JobState {
  core::run::Conclusion status = core::run::Conclusion::success;  // success, failure, cancelled
  core::expr::Object env{core::expr::Keys::case_sensitive};  // of the workflow, job, GITHUB_ENV
  std::vector<std::string> added_path;                       // GITHUB_PATH
  core::expr::Object steps;                                  // the steps context
  core::run::ProblemMatchers matchers;                       // ::add-matcher::
  int summaries = 0;                                         // reported
};

// What the steps of a composite action see instead of the job's own.
struct CompositeScope {
  core::expr::Object inputs, steps;
  std::optional<core::run::Conclusion> status;  // of the steps so far; pre and post see the job's
};

// The contexts that do not change while the job runs.
class JobContexts {
 public:
  JobContexts(const proto::JobMessage& message, const JobFolder& folder, FileHashes& hashes);

  // The contexts as the job's own keys see them (env, defaults, outputs).
  Evaluator for_job(const JobState& state) const;
  // As a step sees them; `env` is the step's, `composite` the action's it is part of, or null.
  Evaluator for_step(const JobState& state, const core::expr::Object& env,
                     const core::expr::Value& github, const CompositeScope* composite) const;
  // `base` with the step's files and id.
  core::expr::Value github_of_step(const core::expr::Value& base, std::string_view action,
                                   const StepFiles& files) const;
  const core::expr::Value& github() const { return github_; }
  const core::expr::Value& runner() const { return runner_; }

 private:
  Evaluator with(const JobState& state, const core::expr::Object& env,
                 const core::expr::Value& github, const CompositeScope* composite) const;

  const proto::JobMessage& message_;
  const JobFolder& folder_;
  FileHashes& hashes_;
  core::expr::Value github_, runner_, vars_, secrets_;
};

}  // namespace gantry::daemon::runner
