// SPDX-License-Identifier: MIT
#include "daemon/control/mirror_desk.hpp"

#include "core/base/text.hpp"
#include "daemon/control/db_thread.hpp"

namespace gantry::daemon::control {
namespace {

using core::Errc;
using storage::Database;

}  // namespace

std::optional<core::Error> refusal_to_read(const core::config::Config& config,
                                           std::string_view run_repository, storage::Trust trust,
                                           std::string_view wanted) {
  if (core::equals_ignoring_case(run_repository, wanted)) return std::nullopt;
  const std::string doing = "reading repository '" + std::string(wanted) + "' for a run of '" +
                            std::string(run_repository) + "': ";
  if (trust != storage::Trust::trusted) {
    return core::Error{Errc::denied, doing + "runs from forks read their own repository only"};
  }
  const core::config::Repository* entry = config.find_repository(wanted);
  if (entry != nullptr && entry->is_readable_by(run_repository)) return std::nullopt;
  return core::Error{Errc::denied, doing + "Gantry's config does not allow it; name '" +
                                       std::string(run_repository) +
                                       "' under 'readable_by' of that repository, or give the "
                                       "checkout a 'token' of its own"};
}

async::Task<proto::MirrorResult> MirrorDesk::find(std::shared_ptr<ActiveRun> run,
                                                  proto::MirrorRequest request) {
  const auto settings = conductor_.settings();
  if (auto refusal = refusal_to_read(settings->config, run->repo.full_name, run->row.trust,
                                     request.repository)) {
    co_return core::fail(std::move(*refusal));
  }
  std::optional<core::Error> failed;
  proto::MirrorAnswer answer;
  try {
    const bool is_own = core::equals_ignoring_case(request.repository, run->repo.full_name);
    storage::Repository repo = run->repo;
    if (!is_own) repo = co_await keep_repository(request.repository);
    answer = co_await fetch(repo, request);
  } catch (const core::Exception& error) {
    failed = error.error();
  }
  if (failed) co_return core::fail(std::move(*failed));
  co_return answer;
}

async::Task<proto::MirrorAnswer> MirrorDesk::fetch(storage::Repository repo,
                                                   proto::MirrorRequest request) {
  const std::string token = co_await tokens_.clone_token(repo);
  const git::Source source = git_.source_of(repo, token);
  std::string rev = request.rev;
  if (!request.sha.empty()) {
    git::Ensure ensure;
    ensure.source = source;
    ensure.shas.push_back(request.sha);
    ensure.unreferenced = git::Unreferenced::ask_for;
    co_await git_.call(repo, token, std::move(ensure));
    rev = request.sha;
  } else {
    git::Fetch fetch;
    fetch.source = source;
    if (rev.starts_with("refs/pull/")) fetch.pulls.push_back(rev);
    const git::RefList list = co_await git_.call(repo, token, std::move(fetch));
    if (rev.empty()) rev = list.default_branch;
  }
  git::Resolve resolve;
  resolve.rev = rev;
  const git::Commit commit = co_await git_.call(repo, token, std::move(resolve));
  proto::MirrorAnswer answer;
  answer.mirror = layout_.mirror(repo.id).string();
  answer.trees = layout_.trees(repo.id).string();
  answer.sha = commit.sha;
  answer.ref = commit.ref;
  co_return answer;
}

async::Task<storage::Repository> MirrorDesk::keep_repository(std::string full_name) {
  storage::Repository row;
  row.full_name = full_name;
  row.clone_url = conductor_.settings()->clone_url_of(full_name);
  const core::Timestamp now = conductor_.clock().now();
  co_return co_await conductor_.db().write([&](Database& d) {
    const auto known = storage::find_repository(d, row.full_name);
    return known ? *known : *storage::find_repository(d, put_repository(d, row, now));
  });
}

}  // namespace gantry::daemon::control
