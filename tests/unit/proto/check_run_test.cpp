// SPDX-License-Identifier: MIT
#include "proto/check_run.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace gantry;
using namespace gantry::proto;
using nlohmann::json;

namespace {

JobReport report(ReportStatus status = ReportStatus::completed) {
  JobReport result;
  result.name = "build (gcc)";
  result.head_sha = std::string(40, 'a');
  result.external_id = "job-7-1";
  result.details_url = "https://ci.example/runs/1";
  result.status = status;
  result.conclusion = ReportConclusion::failure;
  result.started_at = core::parse_iso8601("2026-01-02T03:04:05.678Z");
  result.completed_at = core::parse_iso8601("2026-01-02T03:05:05Z");
  result.title = "1 step failed";
  result.summary = "all";
  return result;
}

ReportAnnotation at(std::string path, int line = 1) {
  ReportAnnotation annotation;
  annotation.path = std::move(path);
  annotation.start_line = annotation.end_line = line;
  annotation.message = "m";
  return annotation;
}

}  // namespace

TEST_CASE("check run: a queued one says no conclusion and no end") {
  const json body = json::parse(check_run_create_body(report(ReportStatus::queued)));
  CHECK(body["status"] == "queued");
  CHECK(body["head_sha"] == std::string(40, 'a'));
  CHECK(body["external_id"] == "job-7-1");
  CHECK_FALSE(body.contains("conclusion"));
  CHECK_FALSE(body.contains("completed_at"));
  CHECK(body["started_at"] == "2026-01-02T03:04:05Z");
}

TEST_CASE("check run: a completed one says all") {
  const json body = json::parse(check_run_update_body(report(), 0));
  CHECK(body["status"] == "completed");
  CHECK(body["conclusion"] == "failure");
  CHECK(body["completed_at"] == "2026-01-02T03:05:05Z");
  CHECK(body["output"] == json{{"title", "1 step failed"}, {"summary", "all"}});
  CHECK_FALSE(body.contains("head_sha"));
}

TEST_CASE("check run: annotations go in batches of 50 and completed comes last") {
  JobReport many = report();
  for (int i = 1; i <= 120; ++i)
    many.annotations.push_back(at("f.c", i));
  const json first = json::parse(check_run_create_body(many));
  const json second = json::parse(check_run_update_body(many, 50));
  const json last = json::parse(check_run_update_body(many, 100));
  CHECK(first["status"] == "in_progress");
  CHECK_FALSE(first.contains("conclusion"));
  CHECK(first["output"]["annotations"].size() == 50);
  CHECK(second["output"]["annotations"][0]["start_line"] == 51);
  CHECK(last["output"]["annotations"].size() == 20);
  CHECK(last["status"] == "completed");
  const json after = json::parse(check_run_update_body(many, 120));
  CHECK_FALSE(after["output"].contains("annotations"));
  CHECK(after["status"] == "completed");
}

TEST_CASE("check run: unusable and surplus annotations are counted in the summary") {
  JobReport many = report();
  for (const char* path : {"/etc/passwd", "../up.c", "a/../../b", "", ".."})
    many.annotations.push_back(at(path));
  for (int i = 0; i < 510; ++i)
    many.annotations.push_back(at("./f.c"));
  CHECK(annotations_to_send(many) == kAnnotationsPerJob);
  const json body = json::parse(check_run_create_body(many));
  CHECK(body["output"]["annotations"][0]["path"] == "f.c");
  CHECK(body["output"]["summary"] == "all\n\n*15 annotations are not shown here.*");
}

TEST_CASE("check run: columns only on one line, lines from 1, texts within limits") {
  JobReport one = report();
  ReportAnnotation wide = at("f.c", 0);
  wide.end_line = 3;
  wide.start_column = 2;
  wide.title = std::string(300, 't');
  wide.message = std::string(70'000, 'm');
  one.annotations = {wide, at("g.c", 5)};
  one.annotations[1].start_column = 4;
  one.annotations[1].end_column = 2;
  one.annotations[1].message.clear();
  const json list = json::parse(check_run_create_body(one))["output"]["annotations"];
  CHECK(list[0]["start_line"] == 1);
  CHECK_FALSE(list[0].contains("start_column"));
  CHECK(list[0]["title"].get<std::string>().size() <= 255);
  CHECK(list[0]["message"].get<std::string>().size() <= 64 * 1024);
  CHECK(list[1]["start_column"] == 4);
  CHECK_FALSE(list[1].contains("end_column"));
  CHECK(list[1]["message"] == "(no message)");
}

TEST_CASE("check run: texts are cut at 65535 bytes on a UTF-8 border, with a note") {
  JobReport big = report();
  for (int i = 0; i < 40'000; ++i)
    big.summary += "é";
  big.text = big.summary;
  big.annotations = {at("/no")};
  const json output = json::parse(check_run_create_body(big))["output"];
  const auto summary = output["summary"].get<std::string>();
  CHECK(summary.size() <= kOutputLimitBytes);
  CHECK(summary.size() > kOutputLimitBytes - 4);
  CHECK(summary.ends_with("*1 annotations are not shown here.*"));
  CHECK(
      output["text"].get<std::string>().ends_with("*The rest was cut: GitHub takes 65535 bytes.*"));
}

TEST_CASE("check run: bytes that are not UTF-8, and NUL, do not break the body") {
  JobReport bad = report();
  bad.summary = std::string("a\0b\xff", 4);
  const json body = json::parse(check_run_create_body(bad));
  CHECK(body["output"]["summary"] ==
        "a\xEF\xBF\xBD"
        "b\xEF\xBF\xBD");
}

TEST_CASE("check run: a details_url that is none is left out, an empty title is the name") {
  JobReport bare = report();
  bare.details_url = "unix:/run/x";
  bare.title.clear();
  const json body = json::parse(check_run_create_body(bare));
  CHECK_FALSE(body.contains("details_url"));
  CHECK(body["output"]["title"] == "build (gcc)");
}

TEST_CASE("commit status: every state is one of GitHub's four words, with a description") {
  struct Case {
    ReportStatus status;
    ReportConclusion conclusion;
    const char* state;
    const char* description;
  };
  const Case cases[] = {
      {ReportStatus::queued, ReportConclusion::success, "pending", "Queued: t"},
      {ReportStatus::in_progress, ReportConclusion::success, "pending", "Running: t"},
      {ReportStatus::completed, ReportConclusion::success, "success", "Success: t"},
      {ReportStatus::completed, ReportConclusion::failure, "failure", "Failure: t"},
      {ReportStatus::completed, ReportConclusion::neutral, "success", "Neutral: t"},
      {ReportStatus::completed, ReportConclusion::skipped, "success", "Skipped: t"},
      {ReportStatus::completed, ReportConclusion::cancelled, "error", "Cancelled: t"},
      {ReportStatus::completed, ReportConclusion::timed_out, "error", "Timed out: t"},
      {ReportStatus::completed, ReportConclusion::action_required, "failure", "Action required: t"},
  };
  for (const Case& one : cases) {
    JobReport job = report(one.status);
    job.conclusion = one.conclusion;
    job.title = "t";
    const json body = json::parse(commit_status_body(job));
    CHECK(body["state"] == one.state);
    CHECK(body["description"] == one.description);
    CHECK(body["context"] == "build (gcc)");
  }
  JobReport lengthy = report();
  lengthy.title = std::string(300, 'x');
  CHECK(json::parse(commit_status_body(lengthy))["description"].get<std::string>().size() <= 140);
}

TEST_CASE("check run: words are read back") {
  CHECK(parse_report_status("in_progress") == ReportStatus::in_progress);
  CHECK_FALSE(parse_report_status("waiting"));
  CHECK(parse_report_conclusion("timed_out") == ReportConclusion::timed_out);
  CHECK_FALSE(parse_report_conclusion("stale"));
}
