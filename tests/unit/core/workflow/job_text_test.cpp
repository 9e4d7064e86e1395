// SPDX-License-Identifier: MIT
#include "core/workflow/job_text.hpp"

#include <doctest/doctest.h>

namespace gantry::core::workflow {
namespace {

const std::string kFile = ".github/workflows/ci.yml";

std::string part(const std::string& text, std::string_view job) {
  const auto parsed = parse_workflow(kFile, text);
  REQUIRE(parsed.workflow);
  return text_of_job(*parsed.workflow, text, job);
}

// What the job's first step runs and where it stands, read from the part and from the whole.
void check_same(const std::string& text, std::string_view job) {
  const auto whole = parse_workflow(kFile, text);
  const auto parsed = parse_job(kFile, part(text, job), job);
  REQUIRE(whole.workflow);
  REQUIRE(parsed.workflow);
  const Job* expected = whole.workflow->find_job(job);
  const Job* found = parsed.workflow->find_job(job);
  REQUIRE(expected != nullptr);
  REQUIRE(found != nullptr);
  CHECK(parsed.workflow->jobs.size() == 1);
  CHECK(found->position == expected->position);
  CHECK(found->steps.at(0).run.text == expected->steps.at(0).run.text);
  CHECK(found->steps.at(0).position == expected->steps.at(0).position);
  CHECK(parsed.workflow->env.entries.size() == whole.workflow->env.entries.size());
}

const std::string kThree = R"(on: push
env: {A: b}
jobs:
  # the first
  one:
    runs-on: x
    steps:
      - run: |+
          echo one

  two:
    needs: one
    runs-on: x
    steps:
      - run: "echo
          two"
  Three:
    runs-on: x
    steps:
      - run: echo
          three
)";

TEST_CASE("of a file with several jobs, the lines of one are left, each where it was") {
  for (const char* job : {"one", "two", "three"})
    check_same(kThree, job);
  const std::string two = part(kThree, "two");
  CHECK(two.find("echo one") == std::string::npos);
  CHECK(two.find("Three") == std::string::npos);
  CHECK(two.find("# the first") != std::string::npos);
}

TEST_CASE("what follows the jobs stays, and the last job with it") {
  const std::string text = kThree + "defaults:\n  run:\n    shell: sh\n";
  for (const char* job : {"one", "two", "Three"}) {
    const auto parsed = parse_workflow(kFile, text);
    const std::string left = text_of_job(*parsed.workflow, text, job);
    const auto read = parse_job(kFile, left, job);
    REQUIRE(read.workflow);
    CHECK(read.workflow->jobs.size() == 1);
    CHECK(read.workflow->defaults.find("run") != nullptr);
  }
}

TEST_CASE("where the lines of a job cannot be told, the file stays whole") {
  const std::string flow =
      "{on: push, jobs: {a: {runs-on: x, steps: [{run: a}]},\n"
      "  b: {runs-on: x, steps: [{run: b}]}}}\n";
  CHECK(part(flow, "b") == flow);
  const std::string anchor =
      "on: push\njobs:\n  a:\n    runs-on: &where x\n    steps: [{run: a}]\n"
      "  b:\n    runs-on: *where\n    steps: [{run: b}]\n";
  CHECK(part(anchor, "b") == anchor);
  const std::string quoted =
      "on: push\njobs:\n  \"a\":\n    runs-on: x\n    steps: [{run: a}]\n"
      "  b:\n    runs-on: x\n    steps: [{run: b}]\n";
  CHECK(part(quoted, "b") == quoted);
  const auto parsed = parse_workflow(kFile, kThree);
  CHECK(text_of_job(*parsed.workflow, anchor, "two") == anchor);
  CHECK(text_of_job(*parsed.workflow, "", "two").empty());
}

TEST_CASE("a shell's && is no anchor, a file with other line ends is read too") {
  std::string text =
      "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: a && b 2>&1 & c\n"
      "  b:\n    runs-on: x\n    steps:\n      - run: echo b\n";
  CHECK(part(text, "b").find("a && b") == std::string::npos);
  check_same(text, "a");
  std::string carriage;
  for (const char c : text)
    carriage += c == '\n' ? std::string("\r\n") : std::string(1, c);
  check_same(carriage, "a");
  check_same(carriage, "b");
}

TEST_CASE("a single job is read without what would be checked between jobs") {
  const auto parsed = parse_job(kFile, kThree, "TWO");
  REQUIRE(parsed.workflow);
  CHECK(parsed.workflow->jobs.size() == 1);
  CHECK(parsed.workflow->jobs[0].needs.at(0).value == "one");
  const auto broken = parse_job(kFile, "on: push\njobs:\n  a:\n    steps: 4\n", "a");
  CHECK_FALSE(broken.workflow);
  CHECK_FALSE(broken.diagnostics.empty());
  const auto none = parse_job(kFile, kThree, "four");
  CHECK((!none.workflow || none.workflow->find_job("four") == nullptr));
}

}  // namespace
}  // namespace gantry::core::workflow
