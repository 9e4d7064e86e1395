// SPDX-License-Identifier: MIT
#include "proto/check_run.hpp"

#include "core/base/text.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace gantry::proto {
namespace {

using core::cut_utf8;
using nlohmann::json;

constexpr std::size_t kAnnotationTextLimit = 64 << 10;
constexpr std::size_t kAnnotationTitleLimit = 255;
constexpr std::size_t kDescriptionLimit = 140;
constexpr std::string_view kCutNote = "\n\n*The rest was cut: GitHub takes 65535 bytes.*";

constexpr std::array<std::pair<ReportConclusion, std::string_view>, 7> kConclusions = {{
    {ReportConclusion::success, "success"},
    {ReportConclusion::failure, "failure"},
    {ReportConclusion::neutral, "neutral"},
    {ReportConclusion::cancelled, "cancelled"},
    {ReportConclusion::skipped, "skipped"},
    {ReportConclusion::timed_out, "timed_out"},
    {ReportConclusion::action_required, "action_required"},
}};

// What JSON and GitHub take: valid UTF-8 without NUL.
std::string clean(std::string_view text) {
  return core::to_valid_utf8(core::replace_all(text, std::string_view("\0", 1), "\xEF\xBF\xBD"));
}

std::string relative_path(std::string_view path) {
  while (path.starts_with("./"))
    path.remove_prefix(2);
  return clean(path);
}

bool is_usable(const ReportAnnotation& annotation) {
  const std::string path = relative_path(annotation.path);
  return !path.empty() && !path.starts_with('/') && path != ".." && !path.starts_with("../") &&
         path.find("/../") == std::string::npos;
}

std::vector<const ReportAnnotation*> usable_annotations(const JobReport& report) {
  std::vector<const ReportAnnotation*> result;
  for (const ReportAnnotation& annotation : report.annotations) {
    if (result.size() == kAnnotationsPerJob) break;
    if (is_usable(annotation)) result.push_back(&annotation);
  }
  return result;
}

json annotation_json(const ReportAnnotation& annotation) {
  const int start = std::max(1, annotation.start_line);
  const int end = std::max(start, annotation.end_line);
  const std::string& text = annotation.message.empty() ? annotation.title : annotation.message;
  json result = {
      {"path", relative_path(annotation.path)},
      {"start_line", start},
      {"end_line", end},
      {"annotation_level", to_string(annotation.level)},
      {"message", cut_utf8(clean(text.empty() ? "(no message)" : text), kAnnotationTextLimit)}};
  if (start == end && annotation.start_column > 0) {
    result["start_column"] = annotation.start_column;
    if (annotation.end_column >= annotation.start_column) {
      result["end_column"] = annotation.end_column;
    }
  }
  if (!annotation.title.empty()) {
    result["title"] = cut_utf8(clean(annotation.title), kAnnotationTitleLimit);
  }
  if (!annotation.raw_details.empty()) {
    result["raw_details"] = cut_utf8(clean(annotation.raw_details), kAnnotationTextLimit);
  }
  return result;
}

// At most the limit, with a note where it was cut, and with `tail` always at the end.
std::string limited(std::string_view text, std::string_view tail = "") {
  return cut_utf8(clean(text), kOutputLimitBytes - tail.size(), kCutNote) + std::string(tail);
}

json output_json(const JobReport& report, const std::vector<const ReportAnnotation*>& usable,
                 std::size_t first, std::size_t end) {
  const std::size_t omitted = report.annotations.size() - usable.size();
  const std::string tail =
      omitted == 0 ? "" : "\n\n*" + std::to_string(omitted) + " annotations are not shown here.*";
  json output = {{"title", clean(report.title.empty() ? report.name : report.title)},
                 {"summary", limited(report.summary, tail)}};
  if (!report.text.empty()) output["text"] = limited(report.text);
  json annotations = json::array();
  for (std::size_t i = first; i < end; ++i)
    annotations.push_back(annotation_json(*usable[i]));
  if (!annotations.empty()) output["annotations"] = std::move(annotations);
  return output;
}

bool is_web_url(std::string_view url) {
  return url.starts_with("http://") || url.starts_with("https://");
}

json check_run_json(const JobReport& report, std::size_t first) {
  const auto usable = usable_annotations(report);
  const std::size_t end = std::min(usable.size(), first + kAnnotationsPerRequest);
  const bool is_last = end >= usable.size();
  const bool is_completed = report.status == ReportStatus::completed && is_last;
  const ReportStatus status = report.status == ReportStatus::completed && !is_last
                                  ? ReportStatus::in_progress
                                  : report.status;
  json body = {{"name", clean(report.name)},
               {"status", to_string(status)},
               {"output", output_json(report, usable, std::min(first, end), end)}};
  if (!report.external_id.empty()) body["external_id"] = report.external_id;
  if (is_web_url(report.details_url)) body["details_url"] = report.details_url;
  if (report.started_at) body["started_at"] = core::to_iso8601(*report.started_at);
  if (is_completed) {
    body["conclusion"] = to_string(report.conclusion);
    if (report.completed_at) body["completed_at"] = core::to_iso8601(*report.completed_at);
  }
  return body;
}

struct StatusWords {
  std::string_view state;
  std::string_view description;
};

StatusWords status_words(const JobReport& report) {
  if (report.status == ReportStatus::queued) return {"pending", "Queued"};
  if (report.status == ReportStatus::in_progress) return {"pending", "Running"};
  switch (report.conclusion) {
    case ReportConclusion::success:
      return {"success", "Success"};
    case ReportConclusion::failure:
      return {"failure", "Failure"};
    case ReportConclusion::neutral:
      return {"success", "Neutral"};
    case ReportConclusion::cancelled:
      return {"error", "Cancelled"};
    case ReportConclusion::skipped:
      return {"success", "Skipped"};
    case ReportConclusion::timed_out:
      return {"error", "Timed out"};
    case ReportConclusion::action_required:
      return {"failure", "Action required"};
  }
  return {"error", "Unknown"};
}

}  // namespace

std::size_t annotations_to_send(const JobReport& report) {
  return usable_annotations(report).size();
}

std::string check_run_create_body(const JobReport& report) {
  json body = check_run_json(report, 0);
  body["head_sha"] = report.head_sha;
  return body.dump();
}

std::string check_run_update_body(const JobReport& report, std::size_t first_annotation) {
  return check_run_json(report, first_annotation).dump();
}

std::string commit_status_body(const JobReport& report) {
  const StatusWords words = status_words(report);
  std::string description(words.description);
  if (!report.title.empty()) description += ": " + clean(report.title);
  json body = {{"state", words.state},
               {"context", clean(report.name)},
               {"description", cut_utf8(description, kDescriptionLimit)}};
  if (is_web_url(report.details_url)) body["target_url"] = report.details_url;
  return body.dump();
}

std::string_view to_string(ReportStatus status) {
  switch (status) {
    case ReportStatus::queued:
      return "queued";
    case ReportStatus::in_progress:
      return "in_progress";
    case ReportStatus::completed:
      return "completed";
  }
  return "completed";
}

std::string_view to_string(ReportConclusion conclusion) {
  for (const auto& [value, word] : kConclusions) {
    if (value == conclusion) return word;
  }
  return "neutral";
}

std::string_view to_string(ReportLevel level) {
  switch (level) {
    case ReportLevel::notice:
      return "notice";
    case ReportLevel::warning:
      return "warning";
    case ReportLevel::failure:
      return "failure";
  }
  return "failure";
}

std::optional<ReportStatus> parse_report_status(std::string_view word) {
  for (const auto status :
       {ReportStatus::queued, ReportStatus::in_progress, ReportStatus::completed}) {
    if (to_string(status) == word) return status;
  }
  return std::nullopt;
}

std::optional<ReportConclusion> parse_report_conclusion(std::string_view word) {
  for (const auto& [value, text] : kConclusions) {
    if (text == word) return value;
  }
  return std::nullopt;
}

}  // namespace gantry::proto
