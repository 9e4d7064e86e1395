// SPDX-License-Identifier: MIT
// The room's own rule: ids of different things never mix.
#include "core/base/ids.hpp"

#include <doctest/doctest.h>

#include <type_traits>

using namespace gantry::core;

TEST_CASE("ids: ids of different things do not convert into each other") {
  CHECK_FALSE(std::is_convertible_v<RunId, JobId>);
  CHECK_FALSE(std::is_convertible_v<std::int64_t, JobId>);
  CHECK(JobId{3} < JobId{4});
  CHECK_FALSE(JobId{});
}
