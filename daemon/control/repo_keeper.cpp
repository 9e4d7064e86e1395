// SPDX-License-Identifier: MIT
#include "daemon/control/repo_keeper.hpp"

#include "core/base/log.hpp"
#include "daemon/async/offload.hpp"
#include "daemon/control/db_thread.hpp"
#include "daemon/git/workspace.hpp"

#include <algorithm>

namespace gantry::daemon::control {
namespace {

using storage::Database;
namespace fs = std::filesystem;

constexpr std::chrono::seconds kFirst{10};
// Commits of the newest runs stay for reruns, also when nothing leads to them any more.
constexpr int kRunsKept = 500;

bool has_more_packs(const fs::path& mirror, std::size_t limit) {
  std::error_code none;  // the mirror may not be there yet
  std::size_t packs = 0;
  for (fs::directory_iterator at(mirror / "objects" / "pack", none), end; at != end; ++at)
    packs += at->path().extension() == ".pack" ? 1 : 0;
  return packs > limit;
}

}  // namespace

async::Task<> RepoKeeper::keep_tidy() {
  async::Duration pause =
      std::min<async::Duration>(kFirst, conductor_.settings()->config.mirrors.tidy);
  for (;;) {
    co_await async::sleep_for(pause);
    pause = conductor_.settings()->config.mirrors.tidy;
    const auto repos =
        co_await conductor_.db().read([](Database& d) { return storage::list_repositories(d); });
    for (const storage::Repository& repo : repos) {
      std::string failed;
      try {
        co_await tidy(repo);
      } catch (const core::Exception& error) {
        failed = error.what();
      }
      if (!failed.empty()) {
        core::log::warn("repository cannot be tidied",
                        {{"repository", repo.full_name}, {"why", failed}});
      }
    }
  }
}

async::Task<> RepoKeeper::tidy(storage::Repository repo) {
  const fs::path trees = layout_.trees(repo.id);
  const fs::path mirror = layout_.mirror(repo.id);
  const core::config::Mirrors limits = conductor_.settings()->config.mirrors;
  git::KeepTrees keep;
  keep.newest = limits.trees;
  keep.bytes = limits.tree_bytes == 0 ? UINT64_MAX : limits.tree_bytes;
  bool has_many = false;
  const auto look = [&] {
    has_many = has_more_packs(mirror, limits.packs);
    return git::evict_trees(trees, keep);
  };
  const std::size_t evicted = co_await async::offload(runtime_.pool(), look);
  if (evicted > 0) {
    core::log::debug("shared trees evicted", {{"repository", repo.full_name}, {"count", evicted}});
  }
  if (!has_many || conductor_.has_runs_of(repo.id)) co_return;
  git::Repack repack;
  repack.max_packs = limits.packs;
  storage::RunFilter filter;
  filter.repo = repo.id;
  const auto runs = co_await conductor_.db().read(
      [&](Database& d) { return storage::newest_runs(d, filter, kRunsKept); });
  for (const storage::Run& run : runs) {
    if (run.head_sha.size() == 40) repack.keep.push_back(run.head_sha);
  }
  const git::Repacked done = co_await git_.call(repo, std::string(), std::move(repack));
  if (!done.done) co_return;
  core::log::info("mirror repacked", {{"repository", repo.full_name}, {"bytes", done.bytes}});
}

}  // namespace gantry::daemon::control
