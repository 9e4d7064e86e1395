// SPDX-License-Identifier: MIT
#include "daemon/async/runtime.hpp"

#include "core/base/log.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include <list>

namespace gantry::daemon::async {
namespace {

bool is_cancellation(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const boost::system::system_error& e) {
    return e.code() == asio::error::operation_aborted;
  } catch (const core::Exception& e) {
    return e.error().code == core::Errc::cancelled;
  } catch (...) {
    return false;  // anything else is a failure, told by the caller
  }
}

std::string text_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "unknown exception";
  }
}

}  // namespace

Runtime::Runtime(std::size_t pool_threads) : pool_threads_(pool_threads) {}

Runtime::~Runtime() {
  if (pool_) pool_->join();
}

asio::thread_pool& Runtime::pool() {
  if (!pool_) pool_ = std::make_unique<asio::thread_pool>(pool_threads_);
  return *pool_;
}

void Runtime::run() {
  loop_.restart();
  loop_.run();
}

void Runtime::stop() {
  loop_.stop();
}

struct TaskGroup::State {
  explicit State(asio::any_io_executor e) : executor(std::move(e)), emptied(executor) {}

  asio::any_io_executor executor;
  std::list<asio::cancellation_signal> running;
  Wakeup emptied;
};

TaskGroup::TaskGroup(asio::any_io_executor executor)
    : state_(std::make_shared<State>(std::move(executor))) {}

TaskGroup::~TaskGroup() {
  cancel();
}

void TaskGroup::spawn(std::string name, Task<> task) {
  const auto place = state_->running.emplace(state_->running.end());
  const auto finished = [state = state_, place, name = std::move(name)](std::exception_ptr error) {
    state->running.erase(place);
    if (error && !is_cancellation(error)) {
      core::log::error("background task failed", {{"task", name}, {"error", text_of(error)}});
    }
    if (state->running.empty()) state->emptied.notify();
  };
  asio::co_spawn(state_->executor, std::move(task),
                 asio::bind_cancellation_slot(place->slot(), finished));
}

void TaskGroup::cancel() {
  // A task may end, and so leave the list, while it is told.
  std::vector<asio::cancellation_signal*> signals;
  for (auto& signal : state_->running)
    signals.push_back(&signal);
  for (auto* signal : signals) {
    asio::post(state_->executor, [state = state_, signal] {
      for (auto& alive : state->running) {
        if (&alive == signal) return alive.emit(asio::cancellation_type::all);
      }
    });
  }
}

std::size_t TaskGroup::size() const {
  return state_->running.size();
}

Task<> TaskGroup::join() {
  const auto state = state_;
  while (!state->running.empty())
    co_await state->emptied.wait();
}

Task<> TaskGroup::close() {
  cancel();
  co_await join();
}

Wakeup::Wakeup(const asio::any_io_executor& executor) : timer_(executor) {}

void Wakeup::notify() {
  pending_ = waiting_ == 0;
  timer_.cancel();
}

Task<> Wakeup::wait() {
  co_await wait_until(std::chrono::steady_clock::time_point::max());
}

Task<> Wakeup::wait_until(std::chrono::steady_clock::time_point limit) {
  if (pending_) {
    pending_ = false;
    co_return;
  }
  struct Count {
    explicit Count(std::size_t& v) : value(v) { ++value; }
    Count(const Count&) = delete;
    Count& operator=(const Count&) = delete;
    ~Count() { --value; }
    std::size_t& value;
  } const count(waiting_);
  // One timer serves every waiter: an earlier limit wakes all, who look again and wait on.
  // A limit that has passed is nobody's any more: waiting on it would spin.
  const bool is_over = timer_.expiry() <= std::chrono::steady_clock::now();
  if (waiting_ == 1 || is_over || limit < timer_.expiry()) timer_.expires_at(limit);
  boost::system::error_code ignored;  // aborted by notify(), or over
  co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  const auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none) {
    throw core::Exception(core::Errc::cancelled, "waiting: cancelled");
  }
}

Task<> sleep_for(Duration duration) {
  asio::steady_timer timer(co_await asio::this_coro::executor, duration);
  co_await timer.async_wait(asio::use_awaitable);
}

Task<> with_timeout(std::chrono::steady_clock::duration limit, std::string doing, Task<> task) {
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor, limit);
  auto group = asio::experimental::make_parallel_group(
      asio::co_spawn(executor, std::move(task), asio::deferred), timer.async_wait(asio::deferred));
  auto [order, error, timer_error] =
      co_await group.async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
  if (order[0] == 1 && !timer_error && error && is_cancellation(error)) {
    const auto seconds = std::chrono::duration<double>(limit).count();
    std::string text = std::to_string(seconds);
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
    throw core::Exception(core::Errc::timed_out, doing + ": no answer within " + text + " s");
  }
  if (error) std::rethrow_exception(error);
}

void run_to_end(Runtime& runtime, Task<> task) {
  std::exception_ptr failure;
  asio::co_spawn(runtime.executor(), std::move(task), [&](std::exception_ptr error) {
    failure = error;
    runtime.stop();
  });
  runtime.run();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace gantry::daemon::async
