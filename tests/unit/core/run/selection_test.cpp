// SPDX-License-Identifier: MIT
#include "core/run/selection.hpp"

#include <doctest/doctest.h>

namespace gantry::core::run {
namespace {

Selection read(std::string_view json) {
  return selection_of(*expr::parse_json(json));
}

std::string jobs_of(const workflow::Workflow& workflow) {
  std::string ids;
  for (const auto& job : workflow.jobs)
    ids += job.id + " ";
  return ids;
}

TEST_CASE("selection: jobs bring what they need, ignoring case") {
  const auto whole = workflow::parse_workflow("ci.yml", R"(
on: push
jobs:
  a: {runs-on: linux, steps: [{run: a}]}
  b: {needs: a, runs-on: linux, steps: [{run: b}]}
  c: {needs: [b], runs-on: linux, steps: [{run: c}]}
  d: {runs-on: linux, steps: [{run: d}]}
)")
                         .workflow;
  REQUIRE(whole);
  CHECK(select_jobs(whole, read("{}")) == whole);
  CHECK(jobs_of(*select_jobs(whole, read(R"({"gantry":{"jobs":["C"]}})"))) == "a b c ");
  CHECK(jobs_of(*select_jobs(whole, read(R"({"gantry":{"jobs":["d","nobody"]}})"))) == "d ");
}

TEST_CASE("selection: a leg needs one of the values of every key asked for that it has") {
  const Selection wanted =
      read(R"({"gantry":{"matrix":{"PY":["3.1","3.2"],"os":["linux"],"else":["x"]}}})");
  const auto leg = [](std::string_view json) {
    return workflow::MatrixLeg{.matrix = *expr::parse_json(json), .names = {}};
  };
  CHECK(is_selected(leg(R"({"py":3.2,"os":"linux"})"), wanted));
  CHECK(is_selected(leg(R"({"py":"3.1"})"), wanted));
  CHECK(is_selected(leg("null"), wanted));
  CHECK_FALSE(is_selected(leg(R"({"py":3.3,"os":"linux"})"), wanted));
  CHECK_FALSE(is_selected(leg(R"({"py":3.2,"os":"mac"})"), wanted));
}

TEST_CASE("selection: what has another shape asks for nothing") {
  for (const char* json :
       {"null", "[]", R"({"gantry":1})", R"({"gantry":{"jobs":"a","matrix":[]}})",
        R"({"gantry":{"workflow":{},"matrix":{"a":"b"}}})"}) {
    const Selection selection = read(json);
    CHECK(selection.workflow.empty());
    CHECK(selection.jobs.empty());
    CHECK(selection.matrix.empty());
  }
}

}  // namespace
}  // namespace gantry::core::run
