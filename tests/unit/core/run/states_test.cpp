// SPDX-License-Identifier: MIT
#include "core/run/states.hpp"

#include <doctest/doctest.h>

using namespace gantry::core::run;

TEST_CASE("states: words go to states and back, unknown words are refused") {
  for (const char* word : {"queued", "waiting", "pending", "in_progress", "completed"}) {
    Status status = Status::queued;
    REQUIRE(parse(word, status));
    CHECK(to_string(status) == word);
  }
  for (const char* word : {"success", "failure", "cancelled", "skipped", "timed_out", "neutral",
                           "action_required", "startup_failure"}) {
    Conclusion conclusion = Conclusion::success;
    REQUIRE(parse(word, conclusion));
    CHECK(to_string(conclusion) == word);
  }
  StepStatus step = StepStatus::queued;
  CHECK(parse("in_progress", step));
  CHECK_FALSE(parse("waiting", step));
  Status status = Status::pending;
  CHECK_FALSE(parse("Queued", status));
  CHECK(status == Status::pending);
}

TEST_CASE("states: nothing leaves completed and nothing goes back from in_progress") {
  for (const Status to :
       {Status::queued, Status::waiting, Status::pending, Status::in_progress, Status::completed}) {
    CHECK_FALSE(may_become(Status::completed, to));
    CHECK_FALSE(may_become(to, to));
    CHECK(may_become(Status::in_progress, to) == (to == Status::completed));
    CHECK(may_become(Status::queued, to) == (to != Status::queued));
  }
}
