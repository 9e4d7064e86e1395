// SPDX-License-Identifier: MIT
// `concurrency` of a workflow or job after evaluation. Groups ignore case and span a repository.
#pragma once

#include "core/expr/value.hpp"

#include <optional>
#include <string>

namespace gantry::core::run {

enum class Queue { single, max };  // how many may be pending: one, or 100 in order

struct Concurrency {
  std::string group;
  bool cancel_in_progress = false;
  Queue queue = Queue::single;
};

// `value`: the evaluated key. Refuses an empty group, one over 400 characters, wrong types.
Result<Concurrency> read_concurrency(const expr::Value& value);

}  // namespace gantry::core::run
