// SPDX-License-Identifier: MIT
#include "proto/version.hpp"

#include <doctest/doctest.h>

TEST_CASE("version: the product's version is three numbers") {
  int dots = 0;
  for (const char c : gantry::proto::product_version())
    dots += c == '.';
  CHECK(dots == 2);
}
