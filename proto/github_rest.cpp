// SPDX-License-Identifier: MIT
#include "proto/github_rest.hpp"

#include "core/base/text.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <charconv>

namespace gantry::proto {
namespace {

using core::Errc;
using core::Timestamp;
using nlohmann::json;
using std::chrono::seconds;

constexpr seconds kLongestWait{24 * 3600};
constexpr seconds kSecondaryWait{60};

std::string encode(std::string_view text) {
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  static constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string result;
  for (const char c : text) {
    if (kPlain.find(c) != std::string_view::npos) {
      result += c;
      continue;
    }
    result += '%';
    result += kHex[static_cast<unsigned char>(c) >> 4U];
    result += kHex[static_cast<unsigned char>(c) & 15U];
  }
  return result;
}

std::string_view header(const RestAnswer& answer, std::string_view name) {
  for (const auto& [key, value] : answer.headers) {
    if (core::equals_ignoring_case(key, name)) return value;
  }
  return {};
}

std::optional<std::int64_t> to_number(std::string_view text) {
  std::int64_t value = 0;
  text = core::trim(text);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "Tue, 15 Nov 1994 08:12:31 GMT".
std::optional<Timestamp> parse_date(std::string_view text) {
  static constexpr std::array<std::string_view, 12> kMonths = {
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  if (text.size() != 29 || !text.ends_with(" GMT")) return std::nullopt;
  const auto month = std::find(kMonths.begin(), kMonths.end(), text.substr(8, 3));
  if (month == kMonths.end()) return std::nullopt;
  std::string number = std::to_string(month - kMonths.begin() + 1);
  if (number.size() == 1) number.insert(0, "0");
  std::string iso(text.substr(12, 4));
  iso += '-' + number + '-';
  iso += text.substr(5, 2);
  iso += 'T';
  iso += text.substr(17, 8);
  return core::parse_iso8601(iso + 'Z');
}

json parse_object(std::string_view text) {
  json value = json::parse(text, nullptr, false);
  return value.is_object() ? value : json::object();
}

std::string text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::int64_t number_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

// GitHub's message with the errors behind it.
std::string message_of(const RestAnswer& answer) {
  const json body = parse_object(answer.body);
  std::string text = text_of(body, "message");
  if (text.empty()) text = "HTTP status " + std::to_string(answer.status);
  const auto errors = body.find("errors");
  if (errors != body.end() && errors->is_array()) {
    for (const json& error : *errors) {
      std::string detail = error.is_string() ? error.get<std::string>() : std::string();
      if (error.is_object()) {
        detail = text_of(error, "message");
        if (detail.empty()) detail = text_of(error, "field") + ' ' + text_of(error, "code");
      }
      text += "; " + detail;
    }
  }
  return core::cut_utf8(core::to_valid_utf8(text), 2000);
}

std::optional<Timestamp> retry_after(const RestAnswer& answer, Timestamp now) {
  const std::string_view value = header(answer, "Retry-After");
  if (const auto wait = to_number(value)) {
    return now + std::clamp(seconds(*wait), seconds(0), kLongestWait);
  }
  return parse_date(value);
}

// When a limited sender may go on; nullopt when the answer speaks of no limit.
std::optional<Timestamp> limit_end(const RestAnswer& answer, Timestamp now, int earlier_waits) {
  if (const auto told = retry_after(answer, now)) return told;
  const auto reset = to_number(header(answer, "X-RateLimit-Reset"));
  if (header(answer, "X-RateLimit-Remaining") == "0" && reset) {
    // By GitHub's clock, which need not be ours.
    const Timestamp theirs = parse_date(header(answer, "Date")).value_or(now);
    const auto wait = Timestamp(seconds(*reset)) - theirs;
    return now + std::clamp<std::chrono::milliseconds>(wait + seconds(1), seconds(1), kLongestWait);
  }
  const std::string message = core::to_lower(message_of(answer));
  const bool is_secondary = message.find("secondary rate limit") != std::string::npos ||
                            message.find("abuse detection") != std::string::npos;
  if (!is_secondary && answer.status != 429) return std::nullopt;
  return now +
         std::min(kSecondaryWait * (1U << static_cast<unsigned>(std::clamp(earlier_waits, 0, 6))),
                  seconds(3600));
}

std::string denied_message(const RestAnswer& answer) {
  std::string text = message_of(answer);
  const std::string_view accepted = header(answer, "X-Accepted-GitHub-Permissions");
  if (!accepted.empty()) {
    text += "; the App or token needs the permission '" + std::string(accepted) +
            "': grant it and accept it in the installation";
  }
  return text;
}

RestOutcome outcome_of(int status) {
  if (status >= 200 && status < 300) return RestOutcome::ok;
  if (status == 304) return RestOutcome::not_modified;
  if (status == 401) return RestOutcome::unauthorized;
  if (status == 403) return RestOutcome::denied;
  if (status == 404 || status == 410) return RestOutcome::gone;
  if (status == 408 || status >= 500 || status < 400) return RestOutcome::trouble;
  return RestOutcome::invalid;
}

core::Result<RemoteCheckRun> check_run_from(const json& object) {
  RemoteCheckRun run;
  run.id = number_of(object, "id");
  if (run.id <= 0) {
    return core::fail(Errc::protocol, "reading a check run from GitHub: it has no 'id'");
  }
  run.external_id = text_of(object, "external_id");
  run.status = text_of(object, "status");
  run.conclusion = text_of(object, "conclusion");
  const auto output = object.find("output");
  if (output != object.end() && output->is_object()) {
    run.annotations = number_of(*output, "annotations_count");
  }
  return run;
}

RestRequest get(std::string path) {
  return RestRequest{"GET", std::move(path), ""};
}

}  // namespace

RestVerdict judge(const RestAnswer& answer, Timestamp now, int earlier_waits) {
  RestVerdict verdict;
  verdict.outcome = outcome_of(answer.status);
  verdict.server_time = parse_date(header(answer, "Date"));
  if (verdict.outcome == RestOutcome::ok || verdict.outcome == RestOutcome::not_modified) {
    return verdict;
  }
  verdict.message = message_of(answer);
  if (answer.status == 403 || answer.status == 429) {
    verdict.retry_at = limit_end(answer, now, earlier_waits);
    if (verdict.retry_at) {
      verdict.outcome = RestOutcome::wait;
    } else {
      verdict.message = denied_message(answer);
    }
  }
  if (verdict.outcome == RestOutcome::trouble) {
    verdict.retry_at = retry_after(answer, now);
    verdict.maybe_carried = true;
  }
  return verdict;
}

core::Result<std::string> repository_path(std::string_view repository) {
  const std::size_t slash = repository.find('/');
  const auto is_name = [](std::string_view name) {
    static constexpr std::string_view kAllowed =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._";
    return !name.empty() && name != "." && name != ".." &&
           name.find_first_not_of(kAllowed) == std::string_view::npos;
  };
  if (slash == std::string_view::npos || !is_name(repository.substr(0, slash)) ||
      !is_name(repository.substr(slash + 1))) {
    return core::fail(Errc::invalid,
                      "naming a repository '" + std::string(repository) + "': not owner/name");
  }
  return "/repos/" + std::string(repository);
}

RestRequest create_check_run(std::string_view repository_path, std::string body) {
  return RestRequest{"POST", std::string(repository_path) + "/check-runs", std::move(body)};
}

RestRequest update_check_run(std::string_view repository_path, std::int64_t id, std::string body) {
  return RestRequest{"PATCH", std::string(repository_path) + "/check-runs/" + std::to_string(id),
                     std::move(body)};
}

RestRequest get_check_run(std::string_view repository_path, std::int64_t id) {
  return get(std::string(repository_path) + "/check-runs/" + std::to_string(id));
}

RestRequest list_check_runs(std::string_view repository_path, std::string_view sha,
                            std::string_view name, int page) {
  return get(std::string(repository_path) + "/commits/" + encode(sha) + "/check-runs?check_name=" +
             encode(name) + "&filter=all&per_page=100&page=" + std::to_string(page));
}

RestRequest create_status(std::string_view repository_path, std::string_view sha,
                          std::string body) {
  return RestRequest{"POST", std::string(repository_path) + "/statuses/" + encode(sha),
                     std::move(body)};
}

RestRequest repository_installation(std::string_view repository_path) {
  return get(std::string(repository_path) + "/installation");
}

RestRequest get_pull_request(std::string_view repository_path, std::int64_t number) {
  return get(std::string(repository_path) + "/pulls/" + std::to_string(number));
}

RestRequest collaborator_permission(std::string_view repository_path, std::string_view user) {
  return get(std::string(repository_path) + "/collaborators/" + encode(user) + "/permission");
}

RestRequest own_app() {
  return get("/app");
}

core::Result<std::string> parse_app_slug(std::string_view text) {
  const json body = json::parse(text, nullptr, false);
  if (!body.is_object() || !body.contains("slug") || !body["slug"].is_string()) {
    return core::fail(core::Errc::invalid, "reading the App from GitHub: 'slug' is missing");
  }
  return body["slug"].get<std::string>();
}

RestRequest create_installation_token(const TokenScope& scope) {
  json body = json::object();
  if (!scope.repositories.empty()) body["repositories"] = scope.repositories;
  if (!scope.permissions.empty()) body["permissions"] = scope.permissions;
  return RestRequest{
      "POST", "/app/installations/" + std::to_string(scope.installation_id) + "/access_tokens",
      body.dump()};
}

core::Result<InstallationToken> parse_installation_token(std::string_view text) {
  const json body = parse_object(text);
  InstallationToken token{text_of(body, "token"), {}};
  const auto expires = core::parse_iso8601(text_of(body, "expires_at"));
  if (token.token.empty() || !expires) {
    return core::fail(
        Errc::protocol,
        "reading an installation token from GitHub: 'token' or 'expires_at' is missing");
  }
  token.expires_at = *expires;
  return token;
}

core::Result<std::int64_t> parse_id(std::string_view text) {
  const std::int64_t id = number_of(parse_object(text), "id");
  if (id <= 0) return core::fail(Errc::protocol, "reading an answer of GitHub: it has no 'id'");
  return id;
}

core::Result<RemoteCheckRun> parse_check_run(std::string_view text) {
  return check_run_from(parse_object(text));
}

core::Result<CheckRunPage> parse_check_runs(std::string_view text) {
  const json body = parse_object(text);
  CheckRunPage page;
  page.total = number_of(body, "total_count");
  const auto runs = body.find("check_runs");
  if (runs == body.end() || !runs->is_array()) {
    return core::fail(Errc::protocol, "reading check runs from GitHub: 'check_runs' is not a list");
  }
  for (const json& run : *runs) {
    TRY(auto parsed, check_run_from(run));
    page.runs.push_back(std::move(parsed));
  }
  return page;
}

}  // namespace gantry::proto
