// SPDX-License-Identifier: MIT
#include "core/workflow/action.hpp"

#include "core/workflow/action_reference.hpp"

#include <doctest/doctest.h>

namespace gantry::core::workflow {
namespace {

// "line:column message", of the first error.
std::string first_error(const std::string& text, ManifestRules rules = ManifestRules::running) {
  const ParsedAction parsed = parse_action("action.yml", text, rules);
  for (const yaml::Diagnostic& diagnostic : parsed.diagnostics) {
    CHECK(parsed.action == nullptr);
    return std::to_string(diagnostic.position.line) + ":" +
           std::to_string(diagnostic.position.column) + " " + diagnostic.message;
  }
  CHECK(parsed.action != nullptr);
  return "";
}

}  // namespace

TEST_CASE("action: a JavaScript action's manifest becomes data") {
  const ParsedAction parsed = parse_action("action.yml", R"(
name: Greeter
author: somebody
inputs:
  who:
    description: to whom
    required: true
    default: ${{ github.actor }}
  Loud:
    deprecationMessage: use who
outputs:
  time: {description: when}
runs:
  using: Node20
  pre: setup.js
  main: dist/index.js
  post: cleanup.js
  post-if: success()
)");
  REQUIRE(parsed.action != nullptr);
  const Action& action = *parsed.action;
  CHECK(action.name == "Greeter");
  CHECK(action.kind == ActionKind::node);
  CHECK(action.runtime.value == "node20");
  CHECK(action.pre == "setup.js");
  CHECK(action.main == "dist/index.js");
  CHECK(action.post == "cleanup.js");
  CHECK(action.pre_if.text == "always()");
  CHECK(action.post_if.text == "success()");
  REQUIRE(action.find_input("WHO") != nullptr);
  CHECK(action.find_input("WHO")->required);
  CHECK(action.find_input("who")->default_value.is_expression());
  CHECK(action.find_input("loud")->deprecation == "use who");
  CHECK(action.find_input("other") == nullptr);
}

TEST_CASE("action: a composite action has steps, with conditions and ids of their own") {
  const ParsedAction parsed = parse_action("action.yml", R"(
runs:
  using: composite
  steps:
    - run: echo ${{ inputs.a }}
      shell: bash
    - uses: ./other
      if: failure()
      with: {x: 1}
    - id: last
      uses: owner/name/path@v1
      continue-on-error: true
)");
  REQUIRE(parsed.action != nullptr);
  const auto& steps = parsed.action->steps;
  REQUIRE(steps.size() == 3);
  CHECK(steps[0].id == "__run");
  CHECK(steps[0].condition.text == "success()");
  CHECK(steps[1].id == "__self");
  CHECK(steps[1].condition.text == "failure()");
  CHECK(steps[2].id == "last");
  CHECK(steps[2].continue_on_error.boolean);
}

TEST_CASE("action: every error has its place in the manifest and GitHub's words") {
  CHECK(first_error("name: x\n") == "1:1 Top level 'runs:' section is required for action.yml");
  CHECK(first_error("runs:\n  using: node8\n  main: x.js\n") ==
        "2:10 'using: node8' is not supported, use one of 'composite', 'docker', 'node12', "
        "'node16', 'node20', 'node24'");
  CHECK(first_error("runs:\n  using: node20\n  pre: x.js\n")
            .starts_with(
                "2:3 You are using a JavaScript Action but there is not an entry JavaScript file"));
  CHECK(first_error("runs:\n  steps: []\n").starts_with("2:3 Missing 'using' value."));
  CHECK(first_error("runs:\n  using: composite\n  steps:\n    - run: x\n") ==
        "4:7 Required property is missing: shell");
  CHECK(first_error("runs:\n  using: composite\n  steps:\n    - run: ${{ secrets.x }}\n"
                    "      shell: sh\n")
            .starts_with("4:12 Unrecognized named-value: 'secrets'"));
  CHECK(first_error("runs:\n  using: composite\n  steps:\n    - run: x\n      shell: sh\n"
                    "      timeout-minutes: 1\n") == "6:7 Unexpected value 'timeout-minutes'");
  CHECK(first_error("runs:\n  using: docker\n  image: x\n  args: ['${{ github.sha }}']\n")
            .starts_with("4:10 Unrecognized named-value: 'github'"));
  CHECK(first_error("runs:\n  using: node20\n  main: x\n  post-if: nonsense()\n")
            .starts_with("4:12 Unrecognized function: 'nonsense'"));
  CHECK(first_error("runs:\n  using: node20\n  main: x\ninputs:\n  a:\n    default: ${{ env.x }}\n")
            .starts_with("6:14 Unrecognized named-value: 'env'"));
  CHECK(first_error("runs:\n  plugin: x\n").starts_with("2:3 Plugin actions"));
  CHECK(!first_error("runs: [").empty());
  CHECK(first_error("[]").starts_with("1:1 A sequence was not expected"));
  CHECK(!first_error("").empty());
}

TEST_CASE("action: what only the documentation asks for is no error when it runs") {
  const std::string text = "name: x\nicon: y\nruns:\n  using: node20\n  main: x.js\n";
  CHECK(first_error(text).empty());
  CHECK(first_error(text, ManifestRules::publishing) ==
        "1:1 Required property is missing: "
        "description");
}

TEST_CASE("action reference: what `uses` may name") {
  const auto written = [](std::string_view uses) {
    const auto reference = parse_action_reference(uses);
    return reference ? reference->written() : "refused";
  };
  CHECK(written("actions/setup-node@v4") == "actions/setup-node@v4");
  CHECK(written("o/r/a//b/@feature/x") == "o/r/a/b@feature/x");
  CHECK(written("./.github/actions/x/") == "./.github/actions/x");
  CHECK(written("./") == "./");
  CHECK(written(".\\a\\b") == "./a/b");
  CHECK(written("docker://alpine:3") == "docker://alpine:3");
  for (const char* uses :
       {"owner",       "owner/name", "owner@v1",    "owner/name@", "/name@v1", "owner/@v1",
        "o/r/../x@v1", "./../x",     "./a/../../x", "o/r@../x",    "o/r@-x",   "o/r@a b",
        "o/r@a..b",    "o/r@a.lock", "../r@v1",     "o/..@v1",     "o/r@a:b",  ".git/r@v1",
        "o/r@v1\nx",   "o/r@/x",     "o/r@x@{1}"}) {
    CHECK_MESSAGE(written(uses) == "refused", uses);
  }
  CHECK(written("o/r@" + std::string(2000, 'x')) == "refused");
}

TEST_CASE("action reference: the operator's policy decides by name, path and ref") {
  const auto refused = [](std::string_view uses, std::vector<std::string> allow,
                          Pinning pinning = Pinning::any_ref) {
    return refuse_action(*parse_action_reference(uses), {std::move(allow), pinning});
  };
  CHECK(refused("o/r@v1", {"*"}).empty());
  CHECK(refused("Actions/Cache@v1", {"actions/*"}).empty());
  CHECK(refused("actionsx/cache@v1", {"actions/*"}) ==
        "using action 'actionsx/cache@v1': this Gantry allows only actions/*; ask its operator to "
        "add it to actions.allow");
  CHECK(refused("o/r/sub@v1", {"o/r"}).empty());
  CHECK(refused("o/r/sub@v1", {"o/r/sub@v*"}).empty());
  CHECK(!refused("o/r/other@v1", {"o/r/sub"}).empty());
  CHECK(!refused("o/r@v2", {"o/r@v1", "o/q"}).empty());
  CHECK(!refused("o/r@v1", {}).empty());
  CHECK(refused("o/r@v1", {"*"}, Pinning::full_sha) ==
        "using action 'o/r@v1': this Gantry wants a full commit sha after '@' "
        "(actions.require_sha)");
  CHECK(refused("o/r@0123456789abcdef0123456789ABCDEF01234567", {"*"}, Pinning::full_sha).empty());
}

}  // namespace gantry::core::workflow
