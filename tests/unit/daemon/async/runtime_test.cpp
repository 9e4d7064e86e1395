// SPDX-License-Identifier: MIT
#include "daemon/async/runtime.hpp"

#include "core/base/log.hpp"

#include <boost/asio.hpp>
#include <doctest/doctest.h>

#include <atomic>
#include <thread>

using namespace gantry;
using namespace gantry::daemon::async;
using namespace std::chrono_literals;

namespace {

std::string g_logged;

Task<> fail_soon() {
  co_await sleep_for(1ms);
  throw core::Exception(core::Errc::io, "it broke");
}
Task<int> seven() {
  co_await sleep_for(1ms);
  co_return 7;
}

}  // namespace

TEST_CASE("offload: works on another thread, hands back values and exceptions") {
  Runtime runtime;
  const auto scene = [](Runtime& on) -> Task<> {
    const auto here = std::this_thread::get_id();
    const auto there = co_await offload(on.pool(), [&] { return std::this_thread::get_id(); });
    CHECK(there != here);
    CHECK(std::this_thread::get_id() == here);
    std::string what;
    try {
      co_await offload(on.pool(), [&] { throw core::Exception(core::Errc::io, "below"); });
    } catch (const core::Exception& error) {
      what = error.what();
    }
    CHECK(what == "below");
  };
  run_to_end(runtime, scene(runtime));
}

TEST_CASE("offload: a cancelled task still waits for its work") {
  Runtime runtime;
  std::atomic<bool> begun = false, finished = false, went_on = false;
  const auto worker = [](Runtime& on, auto& b, auto& f, auto& w) -> Task<> {
    co_await offload(on.pool(), [&] {
      b = true;
      std::this_thread::sleep_for(50ms);  // the work's own length
      f = true;
    });
    CHECK(f);
    co_await sleep_for(1h);
    w = true;
  };
  const auto scene = [&](Runtime& on) -> Task<> {
    TaskGroup tasks(on.executor());
    tasks.spawn("worker", worker(on, begun, finished, went_on));
    while (!begun)
      co_await sleep_for(1ms);
    co_await tasks.close();
    CHECK(finished);
    CHECK_FALSE(went_on);
  };
  run_to_end(runtime, scene(runtime));
}

TEST_CASE("task group: what escapes a task is logged with its name and ends only that task") {
  g_logged.clear();
  core::log::set_sink([](core::log::Level, std::string_view text) { g_logged += text; },
                      core::log::Level::error);
  Runtime runtime;
  const auto scene = [](Runtime& on) -> Task<> {
    TaskGroup tasks(on.executor());
    tasks.spawn("the task", fail_soon());
    tasks.spawn("sleeper", sleep_for(1h));
    while (tasks.size() == 2)
      co_await sleep_for(1ms);
    co_await tasks.close();
    CHECK(tasks.size() == 0);
  };
  run_to_end(runtime, scene(runtime));
  core::log::set_sink(nullptr, core::log::Level::info);
  CHECK(g_logged == "background task failed task=\"the task\" error=\"it broke\"");
}

TEST_CASE("with_timeout: values and errors pass, the limit is told in words") {
  Runtime runtime;
  const auto scene = []() -> Task<> {
    const int value = co_await with_timeout(10s, "counting", seven());
    CHECK(value == 7);
    std::string first, second;
    try {
      co_await with_timeout(20ms, "sleeping", sleep_for(1h));
    } catch (const core::Exception& error) {
      first = error.what();
    }
    CHECK(first == "sleeping: no answer within 0.02 s");
    try {
      co_await with_timeout(10s, "failing", fail_soon());
    } catch (const core::Exception& error) {
      second = error.what();
    }
    CHECK(second == "it broke");
  };
  run_to_end(runtime, scene());
}

TEST_CASE("wakeup: a notify before the wait counts, one wakes all, a limit ends the wait") {
  Runtime runtime;
  const auto scene = [](Runtime& on) -> Task<> {
    Wakeup wakeup(on.executor());
    wakeup.notify();
    co_await wakeup.wait();
    co_await wakeup.wait_until(std::chrono::steady_clock::now() + 1ms);
    TaskGroup tasks(on.executor());
    tasks.spawn("one", wakeup.wait());
    tasks.spawn("two", wakeup.wait());
    co_await sleep_for(1ms);
    CHECK(tasks.size() == 2);
    wakeup.notify();
    co_await with_timeout(10s, "waking", tasks.join());
  };
  run_to_end(runtime, scene(runtime));
}
