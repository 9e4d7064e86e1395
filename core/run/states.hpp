// SPDX-License-Identifier: MIT
// The states of runs, jobs and steps in GitHub's words, and which change is legal.
#pragma once

#include <string_view>

namespace gantry::core::run {

// queued: may start. waiting: needs an approval. pending: held back by a concurrency group.
enum class Status { queued, waiting, pending, in_progress, completed };
using RunStatus = Status;
using JobStatus = Status;

enum class StepStatus { queued, in_progress, completed };

enum class Conclusion {
  success,
  failure,
  cancelled,
  skipped,
  timed_out,
  neutral,
  action_required,
  startup_failure,
};

std::string_view to_string(Status status);
std::string_view to_string(StepStatus status);
std::string_view to_string(Conclusion conclusion);

// True and `out` set when `text` is one of the words.
[[nodiscard]] bool parse(std::string_view text, Status& out);
[[nodiscard]] bool parse(std::string_view text, StepStatus& out);
[[nodiscard]] bool parse(std::string_view text, Conclusion& out);

inline bool is_terminal(Status status) {
  return status == Status::completed;
}

// Within one attempt: nothing leaves completed, in_progress only completes, the states before
// change freely among themselves. Staying the same is no change.
bool may_become(Status from, Status to);

}  // namespace gantry::core::run
