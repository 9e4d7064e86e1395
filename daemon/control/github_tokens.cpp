// SPDX-License-Identifier: MIT
#include "daemon/control/github_tokens.hpp"

#include "core/base/log.hpp"
#include "core/base/text.hpp"

namespace gantry::daemon::control {
namespace {

void warn(const storage::Repository& repo, const std::string& why) {
  core::log::warn("no installation token", {{"repository", repo.full_name}, {"why", why}});
}

}  // namespace

async::Task<bool> GithubTokens::is_job(std::string login) {
  if (client_ == nullptr || !client_->has_app() || !login.ends_with("[bot]")) co_return false;
  if (bot_.empty()) {
    auto reply = co_await client_->app_slug();
    using proto::RestOutcome;
    const RestOutcome outcome = reply.verdict.outcome;
    const bool may_pass = outcome == RestOutcome::wait || outcome == RestOutcome::trouble ||
                          outcome == RestOutcome::unreachable;
    // An App that is refused has no tokens to give jobs either.
    if (outcome != RestOutcome::ok && !may_pass) co_return false;
    if (may_pass) {
      throw core::Exception(core::Errc::unavailable,
                            "asking GitHub for the App's name: " + reply.verdict.message);
    }
    bot_ = reply.value + "[bot]";
  }
  co_return core::equals_ignoring_case(login, bot_);
}

bool GithubTokens::has_app(const storage::Repository& repo) const {
  return client_ != nullptr && client_->has_app() && repo.installation_id.has_value();
}

async::Task<std::string> GithubTokens::clone_token(storage::Repository repo) {
  if (!has_app(repo)) co_return settings_.get()->personal_token;
  const github::Target target{*repo.installation_id, repo.full_name};
  auto reply = co_await client_->checkout_token(target);
  if (reply.verdict.outcome == proto::RestOutcome::ok) co_return std::move(reply.value);
  warn(repo, reply.verdict.message);
  co_return std::string();
}

async::Task<std::string> GithubTokens::job_token(storage::Repository repo,
                                                 core::workflow::Permissions permissions) {
  if (!has_app(repo)) co_return std::string();
  const github::Target target{*repo.installation_id, repo.full_name};
  auto wanted = permissions.of_token();
  const bool reads = wanted.contains("contents");
  auto reply = co_await client_->job_token(target, std::move(wanted));
  if (reply.verdict.outcome == proto::RestOutcome::ok) co_return std::move(reply.value);
  warn(repo, reply.verdict.message);
  // The App may do less than the workflow asks for; reading its repository it can.
  if (!reads) co_return std::string();
  co_return co_await clone_token(repo);
}

}  // namespace gantry::daemon::control
