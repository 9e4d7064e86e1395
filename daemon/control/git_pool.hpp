// SPDX-License-Identifier: MIT
// Repositories as gantryd reads them: one confined gantry-git per active repository, let go when
// idle. Calls wait on a pool thread; the loop goes on.
#pragma once

#include "core/run/plan.hpp"
#include "daemon/async/runtime.hpp"
#include "daemon/control/programs.hpp"
#include "daemon/control/settings.hpp"
#include "daemon/git/client.hpp"
#include "storage/layout.hpp"
#include "storage/repos.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <string>

namespace gantry::daemon::control {

class GitPool {
 public:
  GitPool(async::Runtime& runtime, SettingsHolder& settings, storage::Layout layout,
          Programs programs, async::TaskGroup& tasks);

  // `token` is for https addresses; "" = none. Throws core::Exception.
  template <class R>
  async::Task<typename R::Answer> call(storage::Repository repo, std::string token, R request) {
    const std::shared_ptr<Entry> entry = open(repo, token);
    // Each in a step of its own: the call blocks a pool thread, not the loop.
    co_return co_await async::offload(
        runtime_.pool(), [&] { return entry->client.call(request, deadline_of(request)); });
  }

  git::Source source_of(const storage::Repository& repo, const std::string& token) const;
  async::Task<> let_idle_go();  // every now and then

 private:
  struct Entry {
    explicit Entry(git::ClientOptions options) : client(std::move(options)) {}
    git::Client client;
    std::string url;
  };
  std::shared_ptr<Entry> open(const storage::Repository& repo, const std::string& token);

  template <class R>
  static std::chrono::milliseconds deadline_of(const R&) {
    // Fetching a big repository for the first time takes long; reading does not.
    constexpr bool fetches = std::is_same_v<R, git::Fetch> || std::is_same_v<R, git::Ensure>;
    return fetches ? std::chrono::minutes(30) : std::chrono::minutes(1);
  }

  async::Runtime& runtime_;
  SettingsHolder& settings_;
  storage::Layout layout_;
  Programs programs_;
  async::TaskGroup& tasks_;
  std::map<core::RepoId, std::shared_ptr<Entry>> entries_;  // shared with calls under way
};

}  // namespace gantry::daemon::control
