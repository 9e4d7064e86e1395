// SPDX-License-Identifier: MIT
// What a gantry-runner tells gantryd, and the answer. Every event has a sequence number, from 1
// without gaps; a batch may repeat events that were taken already, which changes nothing.
// All text is valid UTF-8 and masked.
#pragma once

#include "core/base/result.hpp"
#include "core/base/time.hpp"
#include "core/run/states.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace gantry::proto {

using core::run::Conclusion;
using core::run::StepStatus;

struct JobStarted {
  std::string runner_version;
  std::string sandbox;  // one line for people: root, network, limits, what this machine can't give
  std::int64_t pid = 0;
};

// The newest state of one step; the first one of a step is also its birth. Steps are numbered from
// 1 in the order they run: "Set up job", the job's own, "Complete job".
struct StepChanged {
  int number = 0;
  std::string id;  // as in the file; "" when it has none
  std::string name;
  StepStatus status = StepStatus::queued;
  std::optional<Conclusion> outcome, conclusion;  // set when completed
  std::optional<core::Timestamp> started_at, completed_at;
  std::int64_t first_line = 0;  // of the job's log, from 1; 0 = none
  std::int64_t last_line = 0;
};

// The log and its index hold at least so much.
struct LogAdvanced {
  std::int64_t lines = 0;
  std::int64_t bytes = 0;
};

enum class AnnotationLevel { notice, warning, error };
std::string_view to_string(AnnotationLevel level);

struct JobAnnotation {
  int step = 0;
  AnnotationLevel level = AnnotationLevel::notice;
  std::string message;  // at most 4,096 characters
  std::string title;
  std::string file;                                        // relative to the repository; "" = none
  int line = 0, end_line = 0, column = 0, end_column = 0;  // 0 = none
  std::int64_t log_line = 0;                               // where it was said; 0 = nowhere
};

// A step's GITHUB_STEP_SUMMARY, Markdown, at most 1 MiB.
struct StepSummary {
  int step = 0;
  std::string text;
};

struct ResourceUse {
  std::int64_t cpu_usec = 0;
  std::int64_t memory_peak_bytes = 0;  // 0 = not known on this machine
  std::int64_t pids_peak = 0;
  std::int64_t oom_kills = 0;
};

// The last event of a job.
struct JobCompleted {
  Conclusion conclusion = Conclusion::failure;
  std::string reason;  // why, when not the plain outcome of the steps; for people
  std::vector<std::pair<std::string, std::string>> outputs;
  ResourceUse resources;
};

struct RunnerEvent {
  std::int64_t sequence = 0;
  core::Timestamp at{};
  std::variant<JobStarted, StepChanged, LogAdvanced, JobAnnotation, StepSummary, JobCompleted> body;
};

// One line of JSON with its newline.
std::string encode(const RunnerEvent& event);
core::Result<RunnerEvent> decode_runner_event(std::string_view json);

enum class Control {
  none,
  cancel,  // stop the job; always() and cancelled() steps still run
  drain,   // gantryd is going away; keep events until it is back
};

struct Acknowledgement {
  std::int64_t acked_sequence = 0;  // all events up to it are durable
  Control control = Control::none;
};

std::string encode(const Acknowledgement& acknowledgement);
core::Result<Acknowledgement> decode_acknowledgement(std::string_view json);

}  // namespace gantry::proto
