// SPDX-License-Identifier: MIT
// offload: blocking work on a pool thread, awaited. with_timeout: a limit around any task.
#pragma once

#include "core/base/error.hpp"
#include "daemon/async/task.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace gantry::daemon::async {

namespace detail {

// Runs `job` on the pool and completes on the waiting coroutine's executor. It takes no part in
// cancellation, so what the job refers to outlives it.
template <class Job>
Task<> run_on_pool(asio::thread_pool& pool, Job& job) {
  return asio::async_initiate<const asio::use_awaitable_t<>, void()>(
      [&pool, &job](auto handler) {
        auto executor = asio::prefer(asio::get_associated_executor(handler),
                                     asio::execution::outstanding_work.tracked);
        asio::post(pool, [&job, executor, kept = std::move(handler)]() mutable {
          job();
          asio::post(executor, std::move(kept));
        });
      },
      asio::use_awaitable);
}

}  // namespace detail

// The result of `work()` run on a pool thread. Ignores cancellation and always waits for `work`, so
// `[&]` stays valid; a cancelled task throws at its next co_await.
template <class Work>
Task<std::invoke_result_t<Work&>> offload(asio::thread_pool& pool, Work work) {
  using Value = std::invoke_result_t<Work&>;
  std::exception_ptr error;
  if constexpr (std::is_void_v<Value>) {
    auto job = [&] {
      try {
        work();
      } catch (...) {
        error = std::current_exception();  // rethrown on the loop thread
      }
    };
    co_await detail::run_on_pool(pool, job);
    if (error) std::rethrow_exception(error);
  } else {
    std::optional<Value> value;
    auto job = [&] {
      try {
        value.emplace(work());
      } catch (...) {
        error = std::current_exception();  // rethrown on the loop thread
      }
    };
    co_await detail::run_on_pool(pool, job);
    if (error) std::rethrow_exception(error);
    co_return std::move(*value);
  }
}

// Cancels `task` when `limit` is over, waits for it to end, and throws Exception(timed_out) saying
// `doing: no answer within N s`.
Task<> with_timeout(std::chrono::steady_clock::duration limit, std::string doing, Task<> task);

template <class T>
Task<T> with_timeout(std::chrono::steady_clock::duration limit, std::string doing, Task<T> task) {
  std::optional<T> value;
  auto keep = [](std::optional<T>& into, Task<T> inner) -> Task<> {
    into.emplace(co_await std::move(inner));
  };
  co_await with_timeout(limit, std::move(doing), keep(value, std::move(task)));
  co_return std::move(*value);
}

}  // namespace gantry::daemon::async
