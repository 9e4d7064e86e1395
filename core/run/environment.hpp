// SPDX-License-Identifier: MIT
// Protection of an environment: may a job that names it start, and what does it wait for. Pure.
#pragma once

#include "core/base/time.hpp"
#include "core/workflow/event.hpp"
#include "core/workflow/workflow.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace gantry::core::run {

struct Protection {
  std::vector<std::string> reviewers;  // one of them suffices; none: no review is asked for
  std::chrono::minutes wait{0};
  workflow::Filter branches, tags;  // neither: every ref may deploy
};

enum class Verdict { approved, rejected };
std::string_view to_string(Verdict verdict);
[[nodiscard]] bool parse(std::string_view text, Verdict& out);
struct Review {
  std::string environment, reviewer;
  Verdict verdict = Verdict::approved;
};

enum class Gate { open, waits, refused };
struct GateDecision {
  Gate gate = Gate::open;
  std::optional<Timestamp> until;  // when it waits for nothing but time
  std::string reason;              // for people
};

// `ref`: full. `since`: when the job's needs were met. Of `reviews` those of this environment
// count.
GateDecision decide_gate(const std::string& environment, const Protection& protection,
                         std::string_view ref, const std::vector<Review>& reviews, Timestamp since,
                         Timestamp now);

}  // namespace gantry::core::run
