// SPDX-License-Identifier: MIT
// One job's state as GitHub is told it: Checks API and commit status bodies, with GitHub's size
// limits kept.
#pragma once

#include "core/base/time.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::proto {

enum class ReportStatus { queued, in_progress, completed };
enum class ReportConclusion {
  success,
  failure,
  neutral,
  cancelled,
  skipped,
  timed_out,
  action_required
};
enum class ReportLevel { notice, warning, failure };

struct ReportAnnotation {
  std::string path;  // relative to the repository root
  int start_line = 1;
  int end_line = 1;
  int start_column = 0;  // 0: none
  int end_column = 0;
  ReportLevel level = ReportLevel::failure;
  std::string message;
  std::string title;
  std::string raw_details;
};

struct JobReport {
  std::string name;  // "build (debug, gcc)": what required checks match
  std::string head_sha;
  std::string external_id;  // ours, unique for a job and attempt
  std::string details_url;
  ReportStatus status = ReportStatus::queued;
  ReportConclusion conclusion = ReportConclusion::success;  // counts when completed
  std::optional<core::Timestamp> started_at;
  std::optional<core::Timestamp> completed_at;
  std::string title;
  std::string summary;
  std::string text;
  std::vector<ReportAnnotation> annotations;
};

inline constexpr std::size_t kAnnotationsPerRequest = 50;
inline constexpr std::size_t kOutputLimitBytes = 65535;
inline constexpr std::size_t kAnnotationsPerJob = 500;  // more are counted in the summary

// Annotations that will be sent: usable ones, at most kAnnotationsPerJob.
std::size_t annotations_to_send(const JobReport& report);

// Bodies of POST and PATCH check-runs, with annotations from `first_annotation`, 50 at most. While
// more remain after this request the body says in_progress, so that "completed" comes last.
std::string check_run_create_body(const JobReport& report);
std::string check_run_update_body(const JobReport& report, std::size_t first_annotation);

// Body of POST statuses/{sha}; what a status cannot say goes into the description.
std::string commit_status_body(const JobReport& report);

std::string_view to_string(ReportStatus status);
std::string_view to_string(ReportConclusion conclusion);
std::string_view to_string(ReportLevel level);
std::optional<ReportStatus> parse_report_status(std::string_view word);
std::optional<ReportConclusion> parse_report_conclusion(std::string_view word);

}  // namespace gantry::proto
