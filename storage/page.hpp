// SPDX-License-Identifier: MIT
// How a page of a list is asked for, as in GitHub's API.
#pragma once

namespace gantry::storage {

struct Page {
  int number = 1;  // from 1; less is taken as 1
  int size = 30;   // 1 to 100; taken to the nearest
};

}  // namespace gantry::storage
