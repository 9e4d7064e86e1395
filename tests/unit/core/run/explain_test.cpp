// SPDX-License-Identifier: MIT
#include "core/run/explain.hpp"

#include "core/run/dry_run.hpp"

#include <doctest/doctest.h>

namespace gantry::core::run {
namespace {

std::shared_ptr<const workflow::Workflow> read(std::string_view text) {
  auto parsed = workflow::parse_workflow(".github/workflows/ci.yml", text);
  REQUIRE(parsed.workflow);
  return parsed.workflow;
}

RunContexts contexts_of(std::string_view github) {
  RunContexts contexts;
  contexts.github = expr::parse_json(github).value();
  return contexts;
}

const std::string kFile =
    "on: push\n"
    "jobs:\n"
    "  build:\n"
    "    runs-on: x\n"
    "    steps: [{run: x}]\n"
    "  ship:\n"
    "    needs: build\n"
    "    if: github.ref == 'refs/heads/main' && needs.build.result == 'success'\n"
    "    runs-on: x\n"
    "    steps: [{run: x}]\n";

std::string shown(const ConditionNode& node, int depth = 0) {
  std::string text(static_cast<std::size_t>(depth), ' ');
  text += node.text + " -> " + node.value.value_or("not looked at") + "\n";
  for (const auto& child : node.children)
    text += shown(child, depth + 1);
  return text;
}

TEST_CASE(
    "explain: a condition is a tree with the values that decided, and what was not looked at") {
  RunMachine machine(read(kFile), contexts_of(R"({"ref": "refs/heads/dev"})"));
  machine.start();
  machine.leg_finished({"build", 0}, Conclusion::success, {});
  const auto ship = machine.explain("SHIP");
  REQUIRE(ship);
  CHECK(ship->holds == false);
  REQUIRE(ship->needs.size() == 1);
  CHECK(ship->needs[0].first == "build");
  CHECK(ship->needs[0].second == Conclusion::success);
  CHECK(shown(ship->tree) ==
        "(success() && (github.ref == 'refs/heads/main') && (needs.build.result == 'success')) "
        "-> false\n"
        " success() -> true\n"
        " (github.ref == 'refs/heads/main') -> false\n"
        "  github.ref -> \"refs/heads/dev\"\n"
        " (needs.build.result == 'success') -> not looked at\n"
        "  needs.build.result -> not looked at\n");
  CHECK_FALSE(machine.explain("nobody"));
}

TEST_CASE("explain: a job without a condition is told by its needs") {
  RunMachine machine(read("on: push\njobs:\n  a:\n    runs-on: x\n    steps: [{run: x}]\n"
                          "  b:\n    needs: a\n    runs-on: x\n    steps: [{run: x}]\n"),
                     contexts_of("{}"));
  machine.start();
  CHECK_FALSE(machine.explain("b")->needs[0].second);
  machine.leg_finished({"a", 0}, Conclusion::failure, {});
  const auto b = machine.explain("b");
  CHECK(b->holds == false);
  CHECK(b->because == std::vector<std::string>{"'a' concluded failure"});
}

TEST_CASE("dry run: every job that starts is taken to succeed, those that do not say why") {
  const auto jobs = dry_run(read(kFile), contexts_of(R"({"ref": "refs/heads/dev"})"));
  REQUIRE(jobs.size() == 2);
  CHECK(jobs[0].outcome == DryJob::Outcome::starts);
  CHECK(jobs[0].labels == std::vector<std::string>{"x"});
  CHECK(jobs[1].outcome == DryJob::Outcome::skipped);
  CHECK(jobs[1].needs == std::vector<std::string>{"build"});
}

}  // namespace
}  // namespace gantry::core::run
