// SPDX-License-Identifier: MIT
#include "core/run/states.hpp"

#include <array>
#include <cstddef>

namespace gantry::core::run {
namespace {

// In the order of the enumerators.
constexpr std::array<std::string_view, 5> kStatusWords = {"queued", "waiting", "pending",
                                                          "in_progress", "completed"};
constexpr std::array<std::string_view, 3> kStepStatusWords = {"queued", "in_progress", "completed"};
constexpr std::array<std::string_view, 8> kConclusionWords = {
    "success",   "failure", "cancelled",       "skipped",
    "timed_out", "neutral", "action_required", "startup_failure"};

template <class Enum, std::size_t N>
bool find(const std::array<std::string_view, N>& words, std::string_view text, Enum& out) {
  for (std::size_t i = 0; i < N; ++i) {
    if (words[i] != text) continue;
    out = static_cast<Enum>(i);
    return true;
  }
  return false;
}

}  // namespace

std::string_view to_string(Status status) {
  return kStatusWords[static_cast<std::size_t>(status)];
}
std::string_view to_string(StepStatus status) {
  return kStepStatusWords[static_cast<std::size_t>(status)];
}
std::string_view to_string(Conclusion conclusion) {
  return kConclusionWords[static_cast<std::size_t>(conclusion)];
}

bool parse(std::string_view text, Status& out) {
  return find(kStatusWords, text, out);
}
bool parse(std::string_view text, StepStatus& out) {
  return find(kStepStatusWords, text, out);
}
bool parse(std::string_view text, Conclusion& out) {
  return find(kConclusionWords, text, out);
}

bool may_become(Status from, Status to) {
  if (from == to || from == Status::completed) return false;
  return from != Status::in_progress || to == Status::completed;
}

}  // namespace gantry::core::run
