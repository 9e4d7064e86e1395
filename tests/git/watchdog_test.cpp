// SPDX-License-Identifier: MIT
#include "daemon/git/watchdog.hpp"

#include <doctest/doctest.h>

#include <future>

using namespace gantry;
using daemon::git::Watchdog;

TEST_CASE("git watchdog: gives up when nothing comes, with what was being done") {
  std::promise<core::Error> given_up;
  Watchdog watchdog(std::chrono::milliseconds(20),
                    [&](const core::Error& error) { given_up.set_value(error); });
  watchdog.arm("fetching 'x'");
  const core::Error error = given_up.get_future().get();
  CHECK(error.code == core::Errc::timed_out);
  CHECK(error.message == "fetching 'x': nothing came for 0 seconds");
}

TEST_CASE("git watchdog: signs of life and the end of the work hold it back") {
  std::promise<core::Error> given_up;
  Watchdog watchdog(std::chrono::seconds(2),
                    [&](const core::Error& error) { given_up.set_value(error); });
  auto outcome = given_up.get_future();
  const auto start = Watchdog::Clock::now();
  watchdog.arm("fetching 'x'");
  // For longer than the limit in all, but never without a touch.
  while (Watchdog::Clock::now() - start < std::chrono::milliseconds(2500)) {
    watchdog.touch();
    CHECK(outcome.wait_for(std::chrono::milliseconds(50)) == std::future_status::timeout);
  }
  watchdog.disarm();
  CHECK(outcome.wait_for(std::chrono::milliseconds(2500)) == std::future_status::timeout);
}
