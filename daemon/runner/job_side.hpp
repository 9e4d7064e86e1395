// SPDX-License-Identifier: MIT
// A background step: it runs beside the others on a state and a log of its own, which become the
// job's when it is waited for. Plain data of class Job.
#pragma once

#include "daemon/runner/job.hpp"

namespace gantry::daemon::runner {

struct SideStep {
  JobState before, state;  // as it began, and as it is
  fs::path log_file;
  JobLog log;
  JobStep step;
  std::uint64_t collected = 0;  // bytes of its log that the job's has
  core::run::Conclusion conclusion = core::run::Conclusion::failure;  // counts once it has ended
  bool has_ended = false;
  bool is_joined = false;  // waited for or cancelled

  SideStep(const JobState& now, const fs::path& file, std::uint64_t limit_bytes,
           core::run::Masker& masker)
      : before(now),
        state(now),
        log_file(file),
        log(file, file.string() + ".index", limit_bytes, masker) {}
  SideStep(const SideStep&) = delete;
  SideStep& operator=(const SideStep&) = delete;
};

// The steps with those of `parallel` in their place, and a wait for them.
std::vector<core::workflow::Step> in_line(const std::vector<core::workflow::Step>& steps);

}  // namespace gantry::daemon::runner
