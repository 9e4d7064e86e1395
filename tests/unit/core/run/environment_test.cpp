// SPDX-License-Identifier: MIT
#include "core/run/environment.hpp"

#include <doctest.h>

using namespace gantry::core;
using namespace gantry::core::run;
using namespace std::chrono_literals;

namespace {

const Timestamp kStart{1000s};

workflow::Filter patterns(std::initializer_list<const char*> texts) {
  workflow::Filter filter(std::in_place);
  for (const char* text : texts)
    filter->push_back({text, {}});
  return filter;
}

std::string decide(const Protection& protection, const std::vector<Review>& reviews = {},
                   Timestamp now = kStart, const char* ref = "refs/heads/main") {
  const auto decision = decide_gate("prod", protection, ref, reviews, kStart, now);
  switch (decision.gate) {
    case Gate::open:
      return "open";
    case Gate::waits:
      return decision.reason + (decision.until ? " (timer)" : "");
    case Gate::refused:
      return "refused: " + decision.reason;
  }
  return "";
}

}  // namespace

TEST_CASE("environment: without protection the gate is open") {
  CHECK(decide({}) == "open");
}

TEST_CASE(
    "environment: one reviewer suffices, a refusal is final, other environments do not count") {
  const Protection protection{.reviewers = {"mona", "api"}};
  CHECK(decide(protection) == "waiting for a review of environment 'prod' by mona or api");
  CHECK(decide(protection, {{"stage", "mona", Verdict::approved}}) ==
        "waiting for a review of environment 'prod' by mona or api");
  CHECK(decide(protection, {{"PROD", "mona", Verdict::approved}}) == "open");
  CHECK(decide(protection,
               {{"prod", "mona", Verdict::approved}, {"prod", "api", Verdict::rejected}}) ==
        "refused: environment 'prod' was refused by api");
}

TEST_CASE("environment: the timer runs from the start, also while a review is waited for") {
  const Protection protection{.reviewers = {"mona"}, .wait = 10min};
  const std::vector<Review> approved{{"prod", "mona", Verdict::approved}};
  CHECK(decide(protection, approved, kStart + 9min) ==
        "waiting for the wait timer of environment 'prod' (timer)");
  CHECK(decide(protection, approved, kStart + 10min) == "open");
  CHECK(decide(protection, {}, kStart + 10min) ==
        "waiting for a review of environment 'prod' by mona");
}

TEST_CASE("environment: only refs that are named may deploy") {
  const Protection branches{.branches = patterns({"main", "release/*"})};
  CHECK(decide(branches) == "open");
  CHECK(decide(branches, {}, kStart, "refs/heads/release/1") == "open");
  CHECK(decide(branches, {}, kStart, "refs/heads/dev") ==
        "refused: 'refs/heads/dev' is not allowed to deploy to environment 'prod' due to its "
        "protection rules");
  CHECK(decide(branches, {}, kStart, "refs/tags/main").starts_with("refused"));
  CHECK(decide(branches, {}, kStart, "refs/pull/1/merge").starts_with("refused"));
  const Protection tags{.tags = patterns({"v*"})};
  CHECK(decide(tags, {}, kStart, "refs/tags/v1") == "open");
  CHECK(decide(tags, {}, kStart, "refs/heads/v1").starts_with("refused"));
}
