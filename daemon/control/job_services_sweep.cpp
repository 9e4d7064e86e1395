// SPDX-License-Identifier: MIT
// What jobs left in gantryd does not stay for ever.
#include "core/base/log.hpp"
#include "daemon/control/db_thread.hpp"
#include "daemon/control/job_services.hpp"
#include "storage/blobs.hpp"

#include <algorithm>

namespace gantry::daemon::control {
namespace {

using storage::Database;

constexpr std::chrono::minutes kSweepPause{10};
constexpr int kBatch = 500;

}  // namespace

async::Task<> JobServices::remove_unused(std::vector<std::string> digests) {
  co_await conductor_.db().write(
      [&](Database& d) { storage::remove_unused_blobs(d, layout_, digests); });
}

async::Task<> JobServices::evict(core::RepoId repo) {
  const auto settings = conductor_.settings();
  const core::config::Storage& wanted = settings->config.storage;
  storage::CacheLimits limits;
  limits.bytes = static_cast<std::int64_t>(wanted.cache_bytes);
  limits.unused_since = conductor_.clock().now() - wanted.cache_retention;
  std::vector<std::string> digests = co_await conductor_.db().write(
      [&](Database& d) { return storage::evict_caches(d, repo, limits); });
  if (digests.empty()) co_return;
  core::log::info("caches evicted", {{"repository", repo.value}, {"entries", digests.size()}});
  co_await remove_unused(std::move(digests));
}

// A blob whose row never came, or whose run is gone.
async::Task<> JobServices::remove_orphans() {
  std::vector<std::string> all =
      co_await conductor_.db().read([&](Database&) { return storage::all_blobs(layout_); });
  // In batches: other writers wait meanwhile.
  while (!all.empty()) {
    const auto first = all.end() - std::min<std::ptrdiff_t>(std::ssize(all), kBatch);
    std::vector<std::string> batch(first, all.end());
    all.erase(first, all.end());
    co_await remove_unused(std::move(batch));
  }
}

async::Task<> JobServices::sweep_once() {
  for (;;) {
    const core::Timestamp now = conductor_.clock().now();
    std::vector<std::string> digests = co_await conductor_.db().write(
        [&](Database& d) { return storage::expire_artifacts(d, now, kBatch); });
    if (digests.empty()) break;
    core::log::info("artifacts expired", {{"artifacts", digests.size()}});
    co_await remove_unused(std::move(digests));
  }
  core::RepoId after;
  for (;;) {
    const auto repositories = co_await conductor_.db().read(
        [&](Database& d) { return storage::list_repositories(d, after); });
    if (repositories.empty()) break;
    for (const storage::Repository& repository : repositories)
      co_await evict(repository.id);
    after = repositories.back().id;
  }
}

async::Task<> JobServices::sweep() {
  for (;;) {
    std::string problem;
    try {
      co_await sweep_once();
      co_await remove_orphans();
    } catch (const core::Exception& error) {
      problem = error.what();  // a full or slow disk now; later it may do
    }
    if (!problem.empty()) core::log::warn("cleaning up failed", {{"why", problem}});
    co_await async::sleep_for(kSweepPause);
  }
}

}  // namespace gantry::daemon::control
