// SPDX-License-Identifier: MIT
// GitHub's REST API as values: requests out, answers in, and what an answer means for the sender.
// No I/O; sent by daemon/github.
#pragma once

#include "core/base/result.hpp"
#include "core/base/time.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gantry::proto {

inline constexpr std::string_view kGithubApiVersion = "2022-11-28";

struct RestRequest {
  std::string method;
  std::string path;  // below the API's base, encoded: "/repos/o/r/check-runs"
  std::string body;  // JSON object, or empty
};

struct RestAnswer {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

enum class RestOutcome {
  ok,            // 2xx
  not_modified,  // 304
  wait,          // rate limited: nothing on this token before `retry_at`
  unauthorized,  // 401: token or JWT refused
  denied,        // 403: a permission is missing; repeating does not help
  gone,          // 404, 410: not there, or out of the token's reach
  invalid,       // 400, 409, 422: repeating does not help
  trouble,       // 5xx and whatever else may pass
  unreachable,   // no answer; set by the sender
};

struct RestVerdict {
  RestOutcome outcome = RestOutcome::ok;
  std::optional<core::Timestamp> retry_at;     // with `wait`, and `trouble` with Retry-After
  std::optional<core::Timestamp> server_time;  // the Date header
  std::string message;         // GitHub's text, field errors and missing permission; no secrets
  bool maybe_carried = false;  // no answer, but GitHub may have carried the request out
};

// `earlier_waits`: how often this sender was told to wait without a time before (doubles 60 s).
RestVerdict judge(const RestAnswer& answer, core::Timestamp now, int earlier_waits = 0);

// "owner/name" as GitHub writes it: refuses all else.
core::Result<std::string> repository_path(std::string_view repository);  // "/repos/owner/name"

RestRequest create_check_run(std::string_view repository_path, std::string body);
RestRequest update_check_run(std::string_view repository_path, std::int64_t id, std::string body);
RestRequest get_check_run(std::string_view repository_path, std::int64_t id);
RestRequest list_check_runs(std::string_view repository_path, std::string_view sha,
                            std::string_view name, int page);
RestRequest create_status(std::string_view repository_path, std::string_view sha, std::string body);
RestRequest repository_installation(std::string_view repository_path);
RestRequest own_app();  // answered to the App itself
core::Result<std::string> parse_app_slug(std::string_view json);
RestRequest get_pull_request(std::string_view repository_path, std::int64_t number);
RestRequest collaborator_permission(std::string_view repository_path, std::string_view user);

// What a token may do; the key it is cached by. Empty means all that the App was granted.
struct TokenScope {
  std::int64_t installation_id = 0;
  std::vector<std::string> repositories;  // names without owner
  std::map<std::string, std::string> permissions;
  auto operator<=>(const TokenScope&) const = default;
};
RestRequest create_installation_token(const TokenScope& scope);

struct InstallationToken {
  std::string token;
  core::Timestamp expires_at;
};
core::Result<InstallationToken> parse_installation_token(std::string_view json);
core::Result<std::int64_t> parse_id(std::string_view json);  // "id" of any object

// A check run as it stands at GitHub.
struct RemoteCheckRun {
  std::int64_t id = 0;
  std::string external_id;
  std::string status;      // any word: GitHub has more than it takes
  std::string conclusion;  // "" while not completed
  std::int64_t annotations = 0;
};
core::Result<RemoteCheckRun> parse_check_run(std::string_view json);
struct CheckRunPage {
  std::vector<RemoteCheckRun> runs;
  std::int64_t total = 0;
};
core::Result<CheckRunPage> parse_check_runs(std::string_view json);

}  // namespace gantry::proto
