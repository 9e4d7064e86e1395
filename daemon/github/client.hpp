// SPDX-License-Identifier: MIT
// Typed calls to GitHub's REST API. An answer of any kind is a value: look at its verdict. Waiting
// and repeating is the caller's decision, except for a token that was refused, which is replaced
// once.
#pragma once

#include "core/base/time.hpp"
#include "daemon/github/app_auth.hpp"
#include "daemon/http/client.hpp"
#include "proto/github_rest.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace gantry::daemon::github {

// Whose token a call uses and for which repository.
struct Target {
  std::int64_t installation_id = 0;  // 0: the configured personal token
  std::string repository;            // owner/name
};

template <class T>
struct Reply {
  proto::RestVerdict verdict;
  T value{};  // counts when the verdict is ok
};

struct CredentialsConfig {
  std::optional<AppConfig> app;
  std::string personal_token;  // "" means none
};

class GithubClient {
 public:
  GithubClient(http::Client& client, ApiConfig api, const CredentialsConfig& credentials,
               const core::Clock& clock);

  bool has_app() const { return auth_ != nullptr; }
  bool has_personal_token() const { return !personal_token_.empty(); }

  Task<Reply<proto::RemoteCheckRun>> create_check_run(const Target& target, std::string body);
  Task<Reply<proto::RemoteCheckRun>> update_check_run(const Target& target, std::int64_t id,
                                                      std::string body);
  Task<Reply<proto::RemoteCheckRun>> get_check_run(const Target& target, std::int64_t id);
  // The check run of that name and sha with our `external_id`; id 0 when there is none.
  Task<Reply<proto::RemoteCheckRun>> find_check_run(const Target& target, std::string sha,
                                                    std::string name, std::string external_id);
  Task<Reply<std::int64_t>> create_status(const Target& target, std::string sha, std::string body);
  Task<Reply<std::int64_t>> installation_of(std::string repository);
  Task<Reply<std::string>> app_slug();  // what it does is done by "<slug>[bot]"

  // For checkout: contents: read on this one repository.
  Task<Reply<std::string>> checkout_token(const Target& target);
  // For a job: these permissions on this one repository. A personal token is never given.
  Task<Reply<std::string>> job_token(const Target& target,
                                     std::map<std::string, std::string> permissions);

  // Any other call below /repos/{owner}/{repo}, with a token of these permissions.
  Task<Reply<std::string>> call(const Target& target, proto::RestRequest request,
                                std::map<std::string, std::string> permissions);

 private:
  Task<Reply<std::string>> send_as_app(proto::RestRequest request);
  Task<Reply<std::string>> send_with_token(const proto::TokenScope& scope,
                                           const proto::RestRequest& request);

  http::Client& client_;
  ApiConfig api_;
  const core::Clock& clock_;
  std::string personal_token_;
  std::unique_ptr<AppAuth> auth_;
};

}  // namespace gantry::daemon::github
