// SPDX-License-Identifier: MIT
#include "daemon/control/pages.hpp"

#include "core/base/text.hpp"
#include "core/base/time.hpp"
#include "core/run/problem_matcher.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>

namespace gantry::daemon::control {
namespace {

using nlohmann::json;
using namespace std::string_literals;

constexpr std::string_view kStyle =
    ":root{color-scheme:light "
    "dark;--line:#8885;--dim:#777;--ok:#1a7f37;--bad:#d1242f;--busy:#9a6700}"
    "@media(prefers-color-scheme:dark){:root{--dim:#999;--ok:#3fb950;--bad:#f85149;--busy:#d29922}}"
    "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:1.5rem auto;padding:0 1rem}"
    "h1{font-size:1.35rem;margin:.3rem 0}a{color:inherit}.dim{color:var(--dim)}"
    "table{border-collapse:collapse;width:100%;margin:1rem 0}"
    "td,th{text-align:left;padding:.35rem .6rem;border-bottom:1px solid var(--line)}"
    "td.n{white-space:nowrap}.success{color:var(--ok)}"
    ".failure,.timed_out,.startup_failure{color:var(--bad)}"
    ".in_progress,.waiting,.action_required{color:var(--busy)}"
    ".queued,.pending,.skipped,.cancelled,.neutral,.stale{color:var(--dim)}"
    "details,.note{border:1px solid var(--line);border-radius:6px;margin:.4rem 0}"
    "summary,.note{padding:.4rem .7rem}summary{cursor:pointer}summary .dim{float:right}"
    "pre{margin:0;padding:.5rem .7rem;overflow-x:auto;border-top:1px solid var(--line);"
    "font:13px/1.45 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere}"
    "pre b{color:var(--bad)}pre i{color:var(--busy);font-style:normal}";

std::string text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string escaped(const json& object, const char* key) {
  return escape_html(text_of(object, key));
}

std::string number_text(const json& object, const char* key) {
  return std::to_string(object.value(key, std::int64_t{0}));
}

bool is_completed(const json& item) {
  return text_of(item, "status") == "completed";
}

// What a run, job or step came to, or where it is.
std::string word_of(const json& item) {
  const std::string conclusion = text_of(item, "conclusion");
  return conclusion.empty() ? text_of(item, "status") : conclusion;
}

std::string_view sign_of(std::string_view word) {
  if (word == "success") return "✓";
  if (word == "failure" || word == "timed_out" || word == "startup_failure") return "✗";
  if (word == "in_progress") return "▶";
  if (word == "skipped" || word == "cancelled") return "–";
  return "●";
}

std::string state_html(const json& item) {
  const std::string word = word_of(item);
  return "<span class=\"" + escape_html(word) + "\">" + std::string(sign_of(word)) + " " +
         escape_html(core::replace_all(word, "_", " ")) + "</span>";
}

std::string duration_of(const json& item) {
  const auto begin = core::parse_iso8601(text_of(item, "started_at"));
  const auto end = core::parse_iso8601(text_of(item, "completed_at"));
  if (!begin || !end) return "";
  using namespace std::chrono;
  const auto took = duration_cast<milliseconds>(*end - *begin).count();
  if (took < 0) return "";
  if (took < 1000) return std::to_string(took) + " ms";
  const auto seconds = took / 1000;
  if (seconds < 60) return std::to_string(seconds) + " s";
  return std::to_string(seconds / 60) + " min " + std::to_string(seconds % 60) + " s";
}

std::string page(const std::string& title, const std::string& body, bool again = false) {
  return "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>" + title +
         " · Gantry</title><meta name=\"viewport\" content=\"width=device-width\">" +
         (again ? "<meta http-equiv=\"refresh\" content=\"3\">" : "") + "<style>" +
         std::string(kStyle) + "</style></head><body>" + body + "</body></html>\n";
}

// Of links: a name can only hold what GitHub allows, but escaping costs nothing.
std::string run_path(const json& run) {
  return "/" + escaped(run, "repository") + "/actions/runs/" + number_text(run, "id");
}

std::string link(const std::string& to, const std::string& html) {
  return "<a href=\"" + to + "\">" + html + "</a>";
}

std::string origin_line(const json& run) {
  std::string line = escaped(run, "event");
  if (const std::string branch = escaped(run, "branch"); !branch.empty()) line += " · " + branch;
  line += " · <code>" + escape_html(text_of(run, "sha").substr(0, 7)) + "</code>";
  if (const std::string actor = escaped(run, "actor"); !actor.empty()) line += " · " + actor;
  std::string time = escaped(run, "created_at").substr(0, 19);  // 2026-01-02T03:04:05.678Z
  if (time.size() > 10) time[10] = ' ';
  line += " · " + time + " UTC";
  if (text_of(run, "trust") == "untrusted") line += " · from a fork";
  return line;
}

std::string head_of(const json& run) {
  return "<p class=\"dim\">" + link("/", "All runs") + " / " + escaped(run, "repository") +
         "</p><h1>" + link(run_path(run), escaped(run, "title")) + " <span class=\"dim\">" +
         escaped(run, "workflow") + " #" + number_text(run, "number") + "</span></h1><p>" +
         state_html(run) + " <span class=\"dim\">· " + origin_line(run) + "</span></p>";
}

std::string reason_of(const json& item) {
  const std::string reason = escaped(item, "reason");
  return reason.empty() ? "" : "<div class=\"note\"><pre>" + reason + "</pre></div>";
}

std::string annotations_of(const json& job) {
  std::string html;
  for (const json& item : job.value("annotations", json::array())) {
    const std::string level = text_of(item, "level");
    const std::string place = escaped(item, "path");
    html += "<div class=\"note\"><span class=\"" +
            std::string(level == "failure" ? "failure" : "in_progress") + "\">" +
            escape_html(level) + "</span> ";
    if (!place.empty())
      html += "<code>" + place + ":" + number_text(item, "start_line") + "</code> ";
    if (const auto title = escaped(item, "title"); !title.empty()) html += "<b>" + title + "</b> ";
    html += escaped(item, "message") + "</div>";
  }
  return html;
}

struct Marker {
  std::string_view text, open, close;
};
constexpr Marker kMarkers[] = {{"##[error]", "<b>Error: ", "</b>"},
                               {"##[warning]", "<i>Warning: ", "</i>"},
                               {"##[notice]", "Notice: ", ""},
                               {"##[debug]", "Debug: ", ""},
                               {"##[group]", "▼ ", ""}};

// Without the stamp; errors and warnings stand out.
std::string line_html(std::string_view line) {
  const std::size_t stamp = line.find("Z ");
  if (stamp < 30) line.remove_prefix(stamp + 2);
  std::string shown = escape_html(core::run::without_colours(line));
  for (const Marker& marker : kMarkers) {
    if (!shown.starts_with(marker.text)) continue;
    return std::string(marker.open) + shown.substr(marker.text.size()) + std::string(marker.close);
  }
  return shown;
}

std::string log_html(const LogPiece& log, const std::string& all) {
  std::string html = "<pre>";
  if (log.skipped > 0) {
    html +=
        link(all, "… " + std::to_string(log.skipped) + " earlier lines, in the whole log") + "\n";
  }
  for (const std::string_view line : core::split(log.text, '\n')) {
    if (!line.ends_with("Z ##[endgroup]")) html += line_html(line) + "\n";
  }
  while (html.ends_with('\n'))
    html.pop_back();
  return html + "</pre>";
}

std::string step_html(const json& step, const LogPiece& log, const std::string& all) {
  const std::string word = word_of(step);
  const bool open = word == "failure" || word == "in_progress";
  return "<details"s + (open ? " open" : "") + "><summary>" + state_html(step) + " · " +
         escaped(step, "name") + "<span class=\"dim\">" + duration_of(step) + "</span></summary>" +
         (log.text.empty() ? "" : log_html(log, all)) + "</details>";
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string html;
  for (const char c : core::to_valid_utf8(text)) {
    switch (c) {
      case '&':
        html += "&amp;";
        break;
      case '<':
        html += "&lt;";
        break;
      case '>':
        html += "&gt;";
        break;
      case '"':
        html += "&quot;";
        break;
      case '\'':
        html += "&#39;";
        break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t') html += c;
    }
  }
  return html;
}

std::string runs_page(const json& runs) {
  std::string rows;
  bool again = false;
  for (const json& run : runs.at("runs")) {
    again |= !is_completed(run);
    rows += "<tr><td class=\"n\">" + state_html(run) + "</td><td>" +
            link(run_path(run), escaped(run, "title")) + "<br><span class=\"dim\">" +
            escaped(run, "repository") + " · " + escaped(run, "workflow") + " #" +
            number_text(run, "number") + " · " + origin_line(run) + "</span></td><td class=\"n\">" +
            duration_of(run) + "</td></tr>";
  }
  std::string body = "<h1>Runs</h1>";
  body += rows.empty() ? "<p>No run yet: push to a repository of the config, or see "
                         "<code>gantry deliveries</code> for what came in.</p>"
                       : "<table>" + rows + "</table>";
  if (runs.contains("before")) {
    body += "<p>" + link("/?before=" + number_text(runs, "before"), "Older runs") + "</p>";
  }
  return page("Runs", body, again);
}

std::string run_page(const json& run) {
  std::string rows, notes;
  for (const json& job : run.at("jobs")) {
    const std::string name =
        link(run_path(run) + "/job/" + number_text(job, "id"), escaped(job, "name"));
    const std::string reason = escaped(job, "reason");
    rows += "<tr><td class=\"n\">" + state_html(job) + "</td><td>" + name +
            (reason.empty() ? "" : "<br><span class=\"dim\">" + reason + "</span>") +
            "</td><td class=\"n\">" + duration_of(job) + "</td></tr>";
    notes += annotations_of(job);
  }
  return page(escaped(run, "title"),
              head_of(run) + reason_of(run) + "<table>" + rows + "</table>" + notes,
              !is_completed(run));
}

std::string job_page(const json& run, const json& job, const std::vector<LogPiece>& logs) {
  const std::string log_path = "/api/gantry/v1/jobs/" + number_text(job, "id") + "/log";
  std::string body = head_of(run) + "<h1>" + escaped(job, "name") + "</h1><p>" + state_html(job) +
                     " <span class=\"dim\">" + duration_of(job) + " · " +
                     link(log_path, "whole log") + "</span></p>" + reason_of(job) +
                     annotations_of(job);
  std::size_t number = 0;
  for (const json& step : job.at("steps")) {
    body += step_html(step, number < logs.size() ? logs[number] : LogPiece(), log_path);
    ++number;
  }
  return page(escaped(job, "name") + " · " + escaped(run, "title"), body, !is_completed(job));
}

std::string error_page(int status, std::string_view message) {
  const std::string number = std::to_string(status);
  return page(number, "<h1>" + number + "</h1><p>" + escape_html(message) + "</p>");
}

http::Response html_response(int status, std::string html) {
  http::Response response;
  response.status = status;
  response.headers.set("Content-Type", "text/html; charset=utf-8");
  response.headers.set("Content-Security-Policy",
                       "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
                       "form-action 'none'; frame-ancestors 'none'");
  response.headers.set("X-Content-Type-Options", "nosniff");
  response.headers.set("Referrer-Policy", "no-referrer");
  response.headers.set("Cache-Control", "no-store");
  response.body = std::move(html);
  return response;
}

}  // namespace gantry::daemon::control
