// SPDX-License-Identifier: MIT
#include "daemon/control/id_tokens.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "core/workflow/permissions.hpp"
#include "daemon/async/offload.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace gantry::daemon::control {
namespace {

using core::Errc;
using core::Exception;
using core::workflow::Permissions;
using http::Request;
using http::Response;
using nlohmann::json;

constexpr std::chrono::seconds kValidFor{300};
constexpr std::chrono::seconds kValidBefore{60};  // clocks differ
constexpr std::size_t kMaxAudience = 1024;

constexpr auto kClaimsOfGithub = std::to_array<std::string_view>(
    {"actor", "actor_id", "base_ref", "event_name", "head_ref", "ref", "ref_type", "repository",
     "repository_id", "repository_owner", "repository_owner_id", "run_attempt", "run_id",
     "run_number", "sha", "workflow", "workflow_ref", "workflow_sha"});

std::string subject_of(const std::string& repository, const std::string& environment,
                       const core::expr::Value& github) {
  const std::string subject = "repo:" + repository + ':';
  // A ':' in a name must not make it look like another subject.
  if (!environment.empty()) {
    return subject + "environment:" + core::replace_all(environment, ":", "%3A");
  }
  if (github["event_name"].to_string() == "pull_request") return subject + "pull_request";
  return subject + "ref:" + github["ref"].to_string();
}

// The file the job stands in, which a called workflow's job shares with no other caller.
struct JobWorkflow {
  std::string ref, sha;
};
JobWorkflow workflow_of(const ActiveJob& job, const core::expr::Value& github) {
  const core::run::JobPlace place = job.run->machine->place_of(job.key.job_id);
  const std::string own = github["workflow_ref"].to_string();
  const std::string own_sha = github["workflow_sha"].to_string();
  if (place.calls.empty()) return {own, own_sha};
  const std::string& file = place.workflow->file;
  const core::run::CalledText& called = job.run->called.at(file);
  if (!called.sha.empty()) return {file.substr(0, file.find('@')) + '@' + called.ref, called.sha};
  const std::string path = file.starts_with("./") ? file.substr(2) : file;
  return {github["repository"].to_string() + '/' + path + own.substr(own.find('@')), own_sha};
}

std::int64_t seconds(core::Timestamp time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

Response public_json(std::string text) {
  Response response = http::json_response(200, std::move(text));
  response.headers.set("Cache-Control", "max-age=300");
  return response;
}

}  // namespace

bool may_have_id_tokens(const ActiveJob& job) {
  if (job.run->row.trust != storage::Trust::trusted) return false;
  const auto permissions = job.run->machine->place_of(job.key.job_id).permissions;
  if (!permissions) return false;
  const auto scope =
      std::find(Permissions::kScopes.begin(), Permissions::kScopes.end(), "id-token");
  return permissions->level(static_cast<std::size_t>(scope - Permissions::kScopes.begin())) ==
         core::workflow::AccessLevel::write;
}

IdTokens::IdTokens(async::Runtime& runtime, Conductor& conductor, storage::Layout layout)
    : runtime_(runtime), conductor_(conductor), layout_(std::move(layout)) {}

void IdTokens::add_routes(http::Router& router) {
  router.add("GET", "/.well-known/openid-configuration",
             [this](Request& r) { return configuration(r); });
  router.add("GET", "/.well-known/jwks", [this](Request& r) { return keys(r); });
}

std::string IdTokens::issuer() const {
  const auto settings = conductor_.settings();
  const std::string& own = settings->config.id_token_issuer;
  return own.empty() ? settings->public_url() : own;
}

async::Task<const github::Rs256Key*> IdTokens::key() {
  if (key_) co_return &*key_;
  const core::fs::path file = layout_.id_token_key();
  auto made = co_await async::offload(runtime_.pool(), [&] {
    if (const auto pem = core::read_file_if_exists(file)) return github::Rs256Key::from_pem(*pem);
    return github::Rs256Key::generate();
  });
  if (!key_) {  // another request may have been faster
    if (!core::fs::exists(file)) {
      core::write_file_atomic(file, made.pem(), core::Durability::synced, 0600);
    }
    key_ = std::move(made);
  }
  co_return &*key_;
}

async::Task<std::string> IdTokens::token(const ActiveJob& job, std::string audience) {
  if (!may_have_id_tokens(job)) {
    throw Exception(
        Errc::denied,
        "giving an ID token: the job lacks 'permissions: id-token: write', or the run is "
        "not trusted");
  }
  if (audience.size() > kMaxAudience) {
    throw Exception(Errc::invalid, "giving an ID token: the audience is longer than 1024 bytes");
  }
  const core::expr::Value& github = job.run->machine->contexts().github;
  json claims;
  for (const std::string_view name : kClaimsOfGithub)
    claims[std::string(name)] = github[name].to_string();
  const std::string& environment = job.plan.environment;
  if (!environment.empty()) claims["environment"] = environment;
  if (audience.empty()) {
    audience = conductor_.settings()->config.github.server_url + '/' +
               github["repository_owner"].to_string();
  }
  const core::Timestamp now = conductor_.clock().now();
  claims["aud"] = audience;
  claims["sub"] = subject_of(github["repository"].to_string(), environment, github);
  const JobWorkflow file = workflow_of(job, github);
  claims["job_workflow_ref"] = file.ref;
  claims["job_workflow_sha"] = file.sha;
  claims["ref_protected"] = github["ref_protected"].truthy() ? "true" : "false";
  claims["repository_visibility"] = job.run->repo.is_private ? "private" : "public";
  claims["runner_environment"] = "self-hosted";
  claims["check_run_id"] = std::to_string(job.id.value);
  claims["iss"] = issuer();
  claims["jti"] = core::random_hex(16);
  claims["iat"] = seconds(now);
  claims["nbf"] = seconds(now - kValidBefore);
  claims["exp"] = seconds(now + kValidFor);
  const github::Rs256Key* const signer = co_await key();
  const std::string header = R"({"typ":"JWT","alg":"RS256","kid":")" + signer->id() + R"("})";
  const std::string text = claims.dump();
  co_return co_await async::offload(runtime_.pool(),
                                    [&] { return signer->sign_jwt(header, text); });
}

async::Task<Response> IdTokens::configuration(Request&) {
  const std::string own = issuer();
  json document;
  document["issuer"] = own;
  document["jwks_uri"] = own + "/.well-known/jwks";
  document["subject_types_supported"] = json::array({"public", "pairwise"});
  document["response_types_supported"] = json::array({"id_token"});
  document["id_token_signing_alg_values_supported"] = json::array({"RS256"});
  document["scopes_supported"] = json::array({"openid"});
  json claims = json::array({"sub", "aud", "exp", "iat", "iss", "jti", "nbf", "environment",
                             "job_workflow_ref", "job_workflow_sha", "ref_protected",
                             "repository_visibility", "runner_environment", "check_run_id"});
  for (const std::string_view name : kClaimsOfGithub)
    claims.push_back(name);
  document["claims_supported"] = std::move(claims);
  co_return public_json(document.dump());
}

async::Task<Response> IdTokens::keys(Request&) {
  const github::Rs256Key* const signer = co_await key();
  co_return public_json(R"({"keys":[)" + signer->jwk() + "]}");
}

}  // namespace gantry::daemon::control
