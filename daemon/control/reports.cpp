// SPDX-License-Identifier: MIT
#include "daemon/control/reports.hpp"

#include "core/base/text.hpp"
#include "daemon/control/db_thread.hpp"

#include <nlohmann/json.hpp>

namespace gantry::daemon::control {
namespace {

using core::run::Conclusion;
using storage::Database;

constexpr int kAnnotationLimit = static_cast<int>(proto::kAnnotationsPerJob);

proto::ReportConclusion report_conclusion(Conclusion conclusion) {
  switch (conclusion) {
    case Conclusion::success:
      return proto::ReportConclusion::success;
    case Conclusion::failure:
    case Conclusion::startup_failure:
      return proto::ReportConclusion::failure;
    case Conclusion::cancelled:
      return proto::ReportConclusion::cancelled;
    case Conclusion::skipped:
      return proto::ReportConclusion::skipped;
    case Conclusion::timed_out:
      return proto::ReportConclusion::timed_out;
    case Conclusion::neutral:
      return proto::ReportConclusion::neutral;
    case Conclusion::action_required:
      return proto::ReportConclusion::action_required;
  }
  return proto::ReportConclusion::failure;
}

proto::ReportStatus report_status(core::run::Status status) {
  switch (status) {
    case core::run::Status::in_progress:
      return proto::ReportStatus::in_progress;
    case core::run::Status::completed:
      return proto::ReportStatus::completed;
    case core::run::Status::queued:
    case core::run::Status::waiting:
    case core::run::Status::pending:
      return proto::ReportStatus::queued;
  }
  return proto::ReportStatus::queued;
}

std::string title_of(const storage::Job& job) {
  if (job.status == core::run::Status::completed && job.conclusion) {
    switch (*job.conclusion) {
      case Conclusion::success:
        return "Successful";
      case Conclusion::cancelled:
        return "Cancelled";
      case Conclusion::skipped:
        return "Skipped";
      case Conclusion::timed_out:
        return "Timed out";
      case Conclusion::failure:
      case Conclusion::startup_failure:
      case Conclusion::neutral:
      case Conclusion::action_required:
        return "Failed";
    }
  }
  return job.status == core::run::Status::in_progress ? "In progress" : "Queued";
}

// Markdown: why, the failed steps, and what the steps wrote into their summaries.
std::string summary_of(Database& database, const storage::Job& job) {
  std::string text = job.details.empty() ? "" : job.details + "\n\n";
  for (const storage::Step& step : steps_of_job(database, job.id)) {
    if (step.conclusion == Conclusion::failure) text += "- **" + step.name + "** failed\n";
  }
  for (const storage::StepSummary& summary : summaries_of_job(database, job.id)) {
    text += "\n" + summary.text + "\n";
  }
  if (text.empty()) text = title_of(job) + ".";
  // Kept short of GitHub's limit here already, so that the outbox holds no megabytes.
  return core::cut_utf8(text, proto::kOutputLimitBytes, "\n\n(cut)");
}

proto::ReportLevel level_of(storage::AnnotationLevel level) {
  switch (level) {
    case storage::AnnotationLevel::notice:
      return proto::ReportLevel::notice;
    case storage::AnnotationLevel::warning:
      return proto::ReportLevel::warning;
    case storage::AnnotationLevel::failure:
      return proto::ReportLevel::failure;
  }
  return proto::ReportLevel::failure;
}

proto::ReportAnnotation report_annotation(const storage::Annotation& row) {
  proto::ReportAnnotation annotation;
  annotation.path = row.path;
  annotation.start_line = row.start_line;
  annotation.end_line = row.end_line;
  annotation.start_column = row.start_column.value_or(0);
  annotation.end_column = row.end_column.value_or(0);
  annotation.level = level_of(row.level);
  annotation.message = row.message;
  annotation.title = row.title;
  annotation.raw_details = row.raw_details;
  return annotation;
}

nlohmann::json time_json(const std::optional<core::Timestamp>& time) {
  return time ? nlohmann::json(time->time_since_epoch().count()) : nlohmann::json();
}

std::optional<core::Timestamp> time_of(const nlohmann::json& value) {
  if (!value.is_number_integer()) return std::nullopt;
  return core::Timestamp(std::chrono::milliseconds(value.get<std::int64_t>()));
}

// The item of an entry; annotations are read where they are kept.
github::ReportItem to_item(Database& database, const storage::OutboxEntry& entry,
                           std::int64_t lane) {
  const auto wanted = nlohmann::json::parse(entry.wanted);
  github::ReportItem item;
  item.key = entry.id;
  item.version = entry.version;
  item.channel = entry.kind == storage::OutboxKind::check_run ? github::Channel::check_run
                                                              : github::Channel::commit_status;
  item.target = github::Target{lane, wanted.at("repository").get<std::string>()};
  proto::JobReport& report = item.report;
  report.name = wanted.at("name").get<std::string>();
  report.head_sha = wanted.at("head_sha").get<std::string>();
  report.external_id = wanted.at("external_id").get<std::string>();
  report.details_url = wanted.at("details_url").get<std::string>();
  report.title = wanted.at("title").get<std::string>();
  report.summary = wanted.at("summary").get<std::string>();
  report.status = proto::parse_report_status(wanted.at("status").get<std::string>())
                      .value_or(proto::ReportStatus::queued);
  report.conclusion = proto::parse_report_conclusion(wanted.at("conclusion").get<std::string>())
                          .value_or(proto::ReportConclusion::success);
  report.started_at = time_of(wanted.at("started_at"));
  report.completed_at = time_of(wanted.at("completed_at"));
  for (const auto& row : annotations_of_job(database, entry.job, 0, kAnnotationLimit)) {
    report.annotations.push_back(report_annotation(row));
  }
  item.remote =
      github::Remote{entry.remote_id.value_or(0), entry.annotations_sent, entry.is_uncertain};
  item.attempts = entry.attempts;
  return item;
}

void keep(Database& database, std::int64_t key, const github::Remote& remote) {
  if (remote.uncertain) {
    storage::mark_uncertain(database, key);
  } else if (remote.id != 0) {
    storage::mark_created(database, key, remote.id);
  }
  storage::mark_annotations_sent(database, key, remote.annotations_sent);
}

}  // namespace

std::optional<storage::OutboxKind> report_channel(const Settings& settings,
                                                  const storage::Repository& repo) {
  if (settings.config.github.has_app() && repo.installation_id) {
    return storage::OutboxKind::check_run;
  }
  if (!settings.personal_token.empty()) return storage::OutboxKind::commit_status;
  return std::nullopt;
}

void want_report(Database& database, storage::OutboxKind kind, const storage::Run& run,
                 const storage::Job& job, const std::string& public_url, core::Timestamp now) {
  const auto repo = storage::find_repository(database, run.repo);
  const std::string run_path =
      "/" + (repo ? repo->full_name : "") + "/actions/runs/" + std::to_string(run.id.value);
  const nlohmann::json wanted = {
      {"repository", repo ? repo->full_name : ""},
      {"name", run.workflow_name + " / " + job.name},
      {"head_sha", run.head_sha},
      {"external_id", "gantry-" + std::to_string(job.id.value)},
      {"details_url", public_url + run_path + "/job/" + std::to_string(job.id.value)},
      {"status", proto::to_string(report_status(job.status))},
      {"conclusion",
       proto::to_string(report_conclusion(job.conclusion.value_or(Conclusion::success)))},
      {"started_at", time_json(job.started_at)},
      {"completed_at", time_json(job.completed_at)},
      {"title", title_of(job)},
      {"summary", summary_of(database, job)},
  };
  storage::want(database, kind, job.id, wanted.dump(), now);
}

async::Task<std::vector<std::int64_t>> OutboxQueue::due_lanes(core::Timestamp now) {
  co_return co_await db_.read([&](Database& d) { return storage::due_installations(d, now); });
}

async::Task<std::optional<github::ReportItem>> OutboxQueue::next(std::int64_t lane,
                                                                 core::Timestamp now) {
  co_return co_await db_.read([&](Database& d) -> std::optional<github::ReportItem> {
    const auto entry = storage::next_due_entry(d, lane, now);
    if (!entry) return std::nullopt;
    return to_item(d, *entry, lane);
  });
}

async::Task<std::optional<core::Timestamp>> OutboxQueue::next_try(core::Timestamp) {
  co_return co_await db_.read([&](Database& d) { return storage::next_due(d); });
}

async::Task<> OutboxQueue::keep_remote(std::int64_t key, github::Remote remote) {
  co_await db_.write([&](Database& d) { keep(d, key, remote); });
}

async::Task<> OutboxQueue::mark_sent(std::int64_t key, std::int64_t version,
                                     github::Remote remote) {
  co_await db_.write([&](Database& d) {
    keep(d, key, remote);
    storage::mark_sent(d, key, version);
  });
}

async::Task<> OutboxQueue::mark_failed(std::int64_t key, int, core::Timestamp next_try,
                                       std::string error) {
  co_await db_.write([&](Database& d) { storage::mark_failed(d, key, error, next_try); });
}

async::Task<> OutboxQueue::mark_dead(std::int64_t key, std::int64_t version, std::string error) {
  co_await db_.write([&](Database& d) {
    const auto entry = storage::find_entry(d, key);
    if (entry && entry->version == version) storage::mark_dead(d, key, error);
  });
}

}  // namespace gantry::daemon::control
