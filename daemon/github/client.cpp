// SPDX-License-Identifier: MIT
#include "daemon/github/client.hpp"

#include "core/base/log.hpp"
#include "daemon/async/runtime.hpp"

#include <chrono>

namespace gantry::daemon::github {
namespace {

using proto::RestOutcome;

constexpr std::chrono::seconds kFreshTokenAge{5};
constexpr int kFreshTokenTries = 3;
constexpr int kSearchPages = 10;  // of 100; GitHub keeps 1000 of a name

proto::RestVerdict unreachable(const http::TransportError& error) {
  proto::RestVerdict verdict;
  verdict.outcome = RestOutcome::unreachable;
  verdict.message = error.what();
  verdict.maybe_carried = error.carried() == http::Carried::maybe;
  return verdict;
}

// Takes a typed value out of an answer; one that cannot be read is trouble.
template <class T>
Reply<T> typed(Reply<std::string> raw, core::Result<T> (*parse)(std::string_view)) {
  Reply<T> reply;
  reply.verdict = std::move(raw.verdict);
  if (reply.verdict.outcome != RestOutcome::ok) return reply;
  core::Result<T> parsed = parse(raw.value);
  if (parsed) {
    reply.value = std::move(*parsed);
  } else {
    reply.verdict.outcome = RestOutcome::trouble;
    reply.verdict.maybe_carried = true;
    reply.verdict.message = std::move(parsed.error().message);
  }
  return reply;
}

std::string path_of(const std::string& repository) {
  return core::or_throw(proto::repository_path(repository), "calling GitHub");
}

proto::TokenScope scope_of(const Target& target, std::map<std::string, std::string> permissions) {
  proto::TokenScope scope;
  scope.installation_id = target.installation_id;
  scope.repositories.push_back(target.repository.substr(target.repository.find('/') + 1));
  scope.permissions = std::move(permissions);
  return scope;
}

std::map<std::string, std::string> permission(const char* name, const char* level) {
  std::map<std::string, std::string> permissions;
  permissions.emplace(name, level);
  return permissions;
}

}  // namespace

GithubClient::GithubClient(http::Client& client, ApiConfig api,
                           const CredentialsConfig& credentials, const core::Clock& clock)
    : client_(client),
      api_(std::move(api)),
      clock_(clock),
      personal_token_(credentials.personal_token) {
  if (credentials.app) auth_ = std::make_unique<AppAuth>(client_, api_, *credentials.app, clock_);
}

// A token just made may be unknown to some of GitHub's machines for seconds; an old one that is
// refused is replaced, once.
Task<Reply<std::string>> GithubClient::send_with_token(const proto::TokenScope& scope,
                                                       const proto::RestRequest& request) {
  Reply<std::string> reply;
  int fresh_tries = 0;
  bool is_replaced = false;
  for (;;) {
    TokenReply token;
    if (scope.installation_id == 0) {
      token.token.token = personal_token_;
    } else {
      token = co_await auth_->token(scope);
      if (token.verdict.outcome != RestOutcome::ok) {
        reply.verdict = std::move(token.verdict);
        reply.verdict.maybe_carried = false;  // the request itself was never sent
        co_return reply;
      }
    }
    const std::string authorization = "Bearer " + token.token.token;
    const proto::RestAnswer answer = co_await exchange(client_, api_, request, authorization);
    reply.verdict = proto::judge(answer, clock_.now());
    reply.value = answer.body;
    if (reply.verdict.outcome != RestOutcome::unauthorized || scope.installation_id == 0) break;
    const bool is_fresh = clock_.now() - token.token.minted_at < kFreshTokenAge;
    if (is_fresh && fresh_tries < kFreshTokenTries) {
      ++fresh_tries;
      co_await async::sleep_for(std::chrono::seconds(fresh_tries));
      continue;
    }
    auth_->forget(scope);
    if (is_replaced || is_fresh) break;
    is_replaced = true;
  }
  co_return reply;
}

Task<Reply<std::string>> GithubClient::call(const Target& target, proto::RestRequest request,
                                            std::map<std::string, std::string> permissions) {
  Reply<std::string> reply;
  const bool has_credentials = target.installation_id == 0 ? has_personal_token() : has_app();
  if (!has_credentials) {
    reply.verdict.outcome = RestOutcome::unauthorized;
    reply.verdict.message =
        target.installation_id == 0
            ? "no GitHub token is configured; set github.token_file"
            : "no GitHub App is configured; set github.app_id and github.private_key_file";
    co_return reply;
  }
  const proto::TokenScope scope = scope_of(target, std::move(permissions));
  try {
    reply = co_await send_with_token(scope, request);
  } catch (const http::TransportError& error) {
    reply.verdict = unreachable(error);
  }
  co_return reply;
}

Task<Reply<proto::RemoteCheckRun>> GithubClient::create_check_run(const Target& target,
                                                                  std::string body) {
  auto request = proto::create_check_run(path_of(target.repository), std::move(body));
  auto raw = co_await call(target, std::move(request), permission("checks", "write"));
  co_return typed(std::move(raw), &proto::parse_check_run);
}

Task<Reply<proto::RemoteCheckRun>> GithubClient::update_check_run(const Target& target,
                                                                  std::int64_t id,
                                                                  std::string body) {
  auto request = proto::update_check_run(path_of(target.repository), id, std::move(body));
  auto raw = co_await call(target, std::move(request), permission("checks", "write"));
  co_return typed(std::move(raw), &proto::parse_check_run);
}

Task<Reply<proto::RemoteCheckRun>> GithubClient::get_check_run(const Target& target,
                                                               std::int64_t id) {
  auto request = proto::get_check_run(path_of(target.repository), id);
  auto raw = co_await call(target, std::move(request), permission("checks", "write"));
  co_return typed(std::move(raw), &proto::parse_check_run);
}

Task<Reply<proto::RemoteCheckRun>> GithubClient::find_check_run(const Target& target,
                                                                std::string sha, std::string name,
                                                                std::string external_id) {
  Reply<proto::RemoteCheckRun> reply;
  const std::string path = path_of(target.repository);
  std::int64_t seen = 0;
  for (int page = 1; page <= kSearchPages; ++page) {
    auto request = proto::list_check_runs(path, sha, name, page);
    auto raw = co_await call(target, std::move(request), permission("checks", "write"));
    auto list = typed(std::move(raw), &proto::parse_check_runs);
    reply.verdict = std::move(list.verdict);
    if (reply.verdict.outcome != RestOutcome::ok) co_return reply;
    for (proto::RemoteCheckRun& run : list.value.runs) {
      if (run.external_id != external_id) continue;
      reply.value = std::move(run);
      co_return reply;
    }
    seen += static_cast<std::int64_t>(list.value.runs.size());
    if (list.value.runs.empty() || seen >= list.value.total) break;
  }
  co_return reply;
}

Task<Reply<std::int64_t>> GithubClient::create_status(const Target& target, std::string sha,
                                                      std::string body) {
  auto request = proto::create_status(path_of(target.repository), sha, std::move(body));
  auto raw = co_await call(target, std::move(request), permission("statuses", "write"));
  co_return typed(std::move(raw), &proto::parse_id);
}

Task<Reply<std::string>> GithubClient::send_as_app(proto::RestRequest request) {
  Reply<std::string> raw;
  if (!auth_) {
    raw.verdict.outcome = RestOutcome::unauthorized;
    raw.verdict.message =
        "no GitHub App is configured; set github.app_id and github.private_key_file";
    co_return raw;
  }
  try {
    const proto::RestAnswer answer = co_await auth_->send_as_app(std::move(request));
    raw.verdict = proto::judge(answer, clock_.now());
    raw.value = answer.body;
  } catch (const http::TransportError& error) {
    raw.verdict = unreachable(error);
  }
  co_return raw;
}

Task<Reply<std::int64_t>> GithubClient::installation_of(std::string repository) {
  auto raw = co_await send_as_app(proto::repository_installation(path_of(repository)));
  co_return typed(std::move(raw), &proto::parse_id);
}

Task<Reply<std::string>> GithubClient::app_slug() {
  auto raw = co_await send_as_app(proto::own_app());
  co_return typed(std::move(raw), &proto::parse_app_slug);
}

Task<Reply<std::string>> GithubClient::checkout_token(const Target& target) {
  if (target.installation_id == 0 || !auth_) {
    Reply<std::string> reply;
    reply.value = personal_token_;
    co_return reply;
  }
  co_return co_await job_token(target, permission("contents", "read"));
}

Task<Reply<std::string>> GithubClient::job_token(const Target& target,
                                                 std::map<std::string, std::string> permissions) {
  Reply<std::string> reply;
  try {
    TokenReply token = co_await auth_->token(scope_of(target, std::move(permissions)));
    reply.verdict = std::move(token.verdict);
    reply.value = std::move(token.token.token);
  } catch (const http::TransportError& error) {
    reply.verdict = unreachable(error);
  }
  co_return reply;
}

}  // namespace gantry::daemon::github
