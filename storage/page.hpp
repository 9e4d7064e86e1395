// SPDX-License-Identifier: MIT
// How a page of a list is asked for, as in GitHub's API. Numbers out of range become the nearest
// allowed one.
#pragma once

#include <algorithm>
#include <cstdint>

namespace gantry::storage {

struct Page {
  int number = 1;  // from 1
  int size = 30;   // 1 to 100

  std::int64_t limit() const { return std::clamp(size, 1, 100); }
  std::int64_t offset() const { return (std::max(number, 1) - std::int64_t{1}) * limit(); }
};

}  // namespace gantry::storage
