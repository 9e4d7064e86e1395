// SPDX-License-Identifier: MIT
// Who waits for news of a run or a job's log (server-sent events). Loop thread only.
#pragma once

#include "core/base/ids.hpp"
#include "daemon/async/runtime.hpp"

#include <cstdint>
#include <memory>
#include <unordered_map>

namespace gantry::daemon::control {

// A subscription's end: wait() returns when something changed since the last wait. One waiter each.
class LiveTopic {
 public:
  explicit LiveTopic(const async::asio::any_io_executor& executor) : wakeup_(executor) {}
  void notify() { wakeup_.notify(); }
  async::Task<> wait_until(std::chrono::steady_clock::time_point limit) {
    return wakeup_.wait_until(limit);
  }

 private:
  async::Wakeup wakeup_;
};

class Live {
 public:
  explicit Live(async::asio::any_io_executor executor) : executor_(std::move(executor)) {}

  // News of any kind of this run: states of the run and its jobs, or more log. Dropping the
  // pointer ends the subscription.
  std::shared_ptr<LiveTopic> subscribe(core::RunId run) {
    auto topic = std::make_shared<LiveTopic>(executor_);
    topics_.emplace(run, topic);
    return topic;
  }

  void changed(core::RunId run) {
    const auto [begin, end] = topics_.equal_range(run);
    for (auto it = begin; it != end;) {
      if (const auto topic = it->second.lock()) {
        topic->notify();
        ++it;
      } else {
        it = topics_.erase(it);
      }
    }
  }

 private:
  async::asio::any_io_executor executor_;
  std::unordered_multimap<core::RunId, std::weak_ptr<LiveTopic>> topics_;
};

}  // namespace gantry::daemon::control
