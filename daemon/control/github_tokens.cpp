// SPDX-License-Identifier: MIT
#include "daemon/control/github_tokens.hpp"

#include "core/base/log.hpp"

namespace gantry::daemon::control {

async::Task<std::string> GithubTokens::token(storage::Repository repo, TokenUse use,
                                             storage::Trust trust) {
  const auto settings = settings_.get();
  if (client_ != nullptr && client_->has_app() && repo.installation_id) {
    const github::Target target{*repo.installation_id, repo.full_name};
    auto reply = co_await client_->checkout_token(target);
    if (reply.verdict.outcome == proto::RestOutcome::ok) co_return std::move(reply.value);
    core::log::warn("no installation token",
                    {{"repository", repo.full_name}, {"why", reply.verdict.message}});
    co_return std::string();
  }
  // A personal token's rights are not ours to narrow: it clones, but no job ever sees it.
  static_cast<void>(trust);
  co_return use == TokenUse::clone ? settings->personal_token : std::string();
}

}  // namespace gantry::daemon::control
