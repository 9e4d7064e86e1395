// SPDX-License-Identifier: MIT
#include "daemon/github/app_auth.hpp"

#include "core/base/log.hpp"
#include "proto/version.hpp"

namespace gantry::daemon::github {
namespace {

using core::Errc;
using std::chrono::milliseconds;

constexpr std::chrono::minutes kRefreshBefore{5};
constexpr std::chrono::seconds kIssuedBefore{60};
constexpr std::chrono::seconds kValidFor{540};

std::int64_t epoch_seconds(core::Timestamp time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

// What GitHub says about a JWT whose times do not fit its clock.
bool speaks_of_time(std::string_view message) {
  return message.find("exp") != std::string_view::npos ||
         message.find("iat") != std::string_view::npos ||
         message.find("Issued at") != std::string_view::npos ||
         message.find("Expiration") != std::string_view::npos;
}

Rs256Key read_key(std::string_view pem) {
  try {
    return Rs256Key::from_pem(pem);
  } catch (const core::Exception& error) {
    throw core::Exception(Errc::invalid,
                          "reading the GitHub App's private key: " + error.error().message +
                              "; download one from the App's settings");
  }
}

}  // namespace

JwtSigner::JwtSigner(const AppConfig& config)
    : issuer_(config.issuer), key_(read_key(config.private_key_pem)) {
  if (issuer_.empty() || issuer_.find_first_of("\"\\") != std::string::npos) {
    throw core::Exception(Errc::invalid, "reading the GitHub App's id '" + issuer_ +
                                             "': write the client id or the App id");
  }
}

std::string JwtSigner::sign(core::Timestamp now) const {
  const std::string claims = R"({"iat":)" + std::to_string(epoch_seconds(now - kIssuedBefore)) +
                             R"(,"exp":)" + std::to_string(epoch_seconds(now + kValidFor)) +
                             R"(,"iss":")" + issuer_ + R"("})";
  return key_.sign_jwt(R"({"alg":"RS256","typ":"JWT"})", claims);
}

Task<proto::RestAnswer> exchange(http::Client& client, const ApiConfig& api,
                                 const proto::RestRequest& request,
                                 std::string_view authorization) {
  http::ClientRequest message;
  message.method = request.method;
  message.url = api.base_url + request.path;
  message.body = request.body;
  message.headers.add("User-Agent", api.user_agent.empty()
                                        ? "gantry/" + std::string(proto::product_version())
                                        : api.user_agent);
  message.headers.add("Accept", "application/vnd.github+json");
  message.headers.add("X-GitHub-Api-Version", std::string(proto::kGithubApiVersion));
  message.headers.add("Authorization", std::string(authorization));
  if (!request.body.empty()) message.headers.add("Content-Type", "application/json");
  http::ClientResponse response = co_await client.send(std::move(message));
  proto::RestAnswer answer;
  answer.status = response.status;
  answer.headers = std::move(response.headers.fields);
  answer.body = std::move(response.body);
  co_return answer;
}

AppAuth::AppAuth(http::Client& client, ApiConfig api, const AppConfig& app,
                 const core::Clock& clock)
    : client_(client), api_(std::move(api)), signer_(app), clock_(clock) {}

core::Timestamp AppAuth::github_now() const {
  return clock_.now() + clock_offset_;
}

Task<proto::RestAnswer> AppAuth::send_as_app(proto::RestRequest request) {
  for (bool is_corrected = false;; is_corrected = true) {
    const std::string authorization = "Bearer " + signer_.sign(github_now());
    proto::RestAnswer answer = co_await exchange(client_, api_, request, authorization);
    const proto::RestVerdict verdict = proto::judge(answer, clock_.now());
    const bool can_correct = verdict.outcome == proto::RestOutcome::unauthorized &&
                             verdict.server_time && speaks_of_time(verdict.message);
    if (is_corrected || !can_correct) co_return answer;
    clock_offset_ = *verdict.server_time - clock_.now();
    core::log::warn("this machine's clock differs from GitHub's",
                    {{"seconds", clock_offset_.count() / 1000}});
  }
}

Task<TokenReply> AppAuth::token(proto::TokenScope scope) {
  TokenReply reply;
  const auto cached = tokens_.find(scope);
  if (cached != tokens_.end() && cached->second.expires_at - kRefreshBefore > github_now()) {
    reply.token = cached->second;
    co_return reply;
  }
  std::erase_if(tokens_, [&](const auto& t) { return t.second.expires_at < github_now(); });
  const proto::RestAnswer answer = co_await send_as_app(proto::create_installation_token(scope));
  reply.verdict = proto::judge(answer, clock_.now());
  if (reply.verdict.outcome != proto::RestOutcome::ok) {
    reply.verdict.message = "getting a token for installation " +
                            std::to_string(scope.installation_id) + ": " + reply.verdict.message;
    if (reply.verdict.outcome == proto::RestOutcome::invalid) {  // more than the App was granted
      reply.verdict.outcome = proto::RestOutcome::denied;
      for (const auto& [name, level] : scope.permissions) {
        reply.verdict.message +=
            "; grant the App '" + name + ": " + level + "' and accept it in the installation";
      }
    }
    co_return reply;
  }
  auto parsed = proto::parse_installation_token(answer.body);
  if (!parsed) {
    reply.verdict.outcome = proto::RestOutcome::trouble;
    reply.verdict.message = std::move(parsed.error().message);
    co_return reply;
  }
  reply.token.token = std::move(parsed->token);
  reply.token.minted_at = clock_.now();
  reply.token.expires_at = parsed->expires_at;
  tokens_[scope] = reply.token;
  co_return reply;
}

void AppAuth::forget(const proto::TokenScope& scope) {
  tokens_.erase(scope);
}

}  // namespace gantry::daemon::github
