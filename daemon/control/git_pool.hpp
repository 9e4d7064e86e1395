// SPDX-License-Identifier: MIT
// Repositories as gantryd reads them: one confined gantry-git per active repository, let go when
// idle. Calls of one repository follow each other and wait on threads of their own: a server that
// hangs holds up neither the loop nor other blocking work.
#pragma once

#include "core/run/plan.hpp"
#include "daemon/async/runtime.hpp"
#include "daemon/control/programs.hpp"
#include "daemon/control/settings.hpp"
#include "daemon/git/client.hpp"
#include "storage/layout.hpp"
#include "storage/repos.hpp"

#include <atomic>
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
    while (entry->busy)
      co_await entry->free.wait();
    const Turn turn(*entry);
    // Each in a step of its own: the call blocks a thread, not the loop.
    co_return co_await async::offload(threads(), [&] {
      refuse_when_ending();
      return entry->client.call(request, deadline_of(request));
    });
  }

  git::Source source_of(const storage::Repository& repo, const std::string& token) const;
  async::Task<> let_idle_go();  // every now and then
  void interrupt_all();         // for the end: calls under way and later ones throw unavailable

 private:
  struct Entry {
    Entry(const async::asio::any_io_executor& executor, git::ClientOptions options)
        : client(std::move(options)), free(executor) {}
    git::Client client;
    std::string url;
    async::Wakeup free;
    bool busy = false;
  };
  // One call of an entry at a time; who waits for it holds no thread.
  struct Turn {
    explicit Turn(Entry& of) : entry(of) { entry.busy = true; }
    ~Turn() {
      entry.busy = false;
      entry.free.notify();
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    Entry& entry;
  };
  async::asio::thread_pool& threads();
  void refuse_when_ending() const;
  std::shared_ptr<Entry> open(const storage::Repository& repo, const std::string& token);

  template <class R>
  static std::chrono::milliseconds deadline_of(const R&) {
    // Fetching a big repository for the first time takes long; reading does not.
    constexpr bool fetches = std::is_same_v<R, git::Fetch> || std::is_same_v<R, git::Ensure> ||
                             std::is_same_v<R, git::Repack>;
    return fetches ? std::chrono::minutes(30) : std::chrono::minutes(1);
  }

  async::Runtime& runtime_;
  SettingsHolder& settings_;
  storage::Layout layout_;
  Programs programs_;
  async::TaskGroup& tasks_;
  std::map<core::RepoId, std::shared_ptr<Entry>> entries_;  // shared with calls under way
  std::unique_ptr<async::asio::thread_pool> threads_;       // begins with the first call
  std::atomic<bool> ending_ = false;
};

}  // namespace gantry::daemon::control
