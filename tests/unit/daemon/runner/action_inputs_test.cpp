// SPDX-License-Identifier: MIT
#include "daemon/runner/action_inputs.hpp"

#include <doctest/doctest.h>

using namespace gantry;
using daemon::runner::action_inputs;
using daemon::runner::Evaluator;
using daemon::runner::input_variable;
using daemon::runner::node_program;

namespace {

core::workflow::Action manifest(const std::string& inputs) {
  const auto parsed = core::workflow::parse_action(
      "action.yml", "runs: {using: node20, main: m.js}\ninputs:\n" + inputs);
  REQUIRE(parsed.action);
  return *parsed.action;
}

Evaluator with_actor(const std::string& actor) {
  Evaluator evaluator;
  evaluator.file = "action.yml";
  core::expr::Object github;
  github.set("actor", actor);
  evaluator.environment.contexts.set("github", core::expr::Value(std::move(github)));
  return evaluator;
}

}  // namespace

TEST_CASE("action inputs: those given, then the evaluated defaults of the others") {
  const auto action =
      manifest("  a: {default: '${{ github.actor }}'}\n  B: {default: 3}\n  c: {}\n");
  const auto inputs = action_inputs(action, {{"b", "given"}}, with_actor("me"));
  REQUIRE(inputs);
  CHECK(inputs->values == core::workflow::StringMap{{"b", "given"}, {"a", "me"}, {"c", ""}});
  CHECK(inputs->warnings.empty());
}

TEST_CASE("action inputs: a default that cannot be evaluated names its place in the manifest") {
  const auto action = manifest("  a:\n    default: ${{ fromJSON('[') }}\n");
  const auto inputs = action_inputs(action, {}, with_actor("me"));
  REQUIRE_FALSE(inputs);
  CHECK(inputs.error().message.starts_with("action.yml:4:14: "));
}

TEST_CASE("action inputs: their variables are upper case, blanks become '_', dashes stay") {
  CHECK(input_variable("fetch-depth") == "INPUT_FETCH-DEPTH");
  CHECK(input_variable("a b.C") == "INPUT_A_B.C");
}

TEST_CASE("node: the runtime's own, then node20 for the old ones, then any, then the PATH's") {
  const auto none = [](std::string_view) { return std::string(); };
  const auto host = [](std::string_view name) { return "/usr/bin/" + std::string(name); };
  const proto::NamedValues both = {{"node20", "/n20"}, {"node24", "/n24"}};
  CHECK(*node_program("node24", both, none) == "/n24");
  CHECK(*node_program("node20", both, none) == "/n20");
  CHECK(*node_program("node12", both, none) == "/n20");
  CHECK(*node_program("node16", {{"node16", "/n16"}, {"node", "/n"}}, none) == "/n16");
  CHECK(*node_program("node20", {{"node", "/n"}}, host) == "/n");
  CHECK(*node_program("node20", {{"node24", "/n24"}}, host) == "/n24");
  CHECK(*node_program("node24", {{"node20", "/n20"}}, host) == "/usr/bin/node");
  const auto missing = node_program("node24", {}, none);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().message.starts_with(
      "running a node24 action: this machine shows jobs no 'node'; install Node.js 20 or newer"));
}
