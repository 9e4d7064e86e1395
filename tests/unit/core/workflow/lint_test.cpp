// SPDX-License-Identifier: MIT
#include "core/workflow/lint.hpp"

#include <doctest/doctest.h>

namespace gantry::core::workflow {
namespace {

std::string lines_of(const std::vector<yaml::Diagnostic>& diagnostics) {
  std::string all;
  for (const auto& diagnostic : diagnostics) {
    all += std::to_string(diagnostic.position.line) + ":" +
           std::to_string(diagnostic.position.column) + " " + yaml::sentence(diagnostic) + " [" +
           diagnostic.kind + "]\n";
    CHECK(diagnostic.severity == yaml::Severity::warning);
  }
  return all;
}

std::string lint_text(const std::string& text, const LintFiles& files = {}) {
  const ParsedWorkflow parsed = parse_as_github(".github/workflows/ci.yml", text);
  std::string errors;
  for (const auto& diagnostic : parsed.diagnostics)
    errors += yaml::sentence(diagnostic) + "\n";
  REQUIRE_MESSAGE(parsed.workflow, errors);
  return lines_of(lint(*parsed.workflow, text, files));
}

std::string with_step(const std::string& lines) {
  return "on: [push, issues]\njobs:\n  a:\n    runs-on: x\n    steps:\n" + lines;
}

struct Case {
  std::string text, expected;
};

void check(const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    CAPTURE(one.text);
    CHECK(lint_text(one.text) == one.expected);
  }
}

TEST_CASE("lint: a condition that is text with values in it is always true") {
  check({
      {with_step("      - run: x\n        if: ${{ github.ref_name }} == 'main'\n"),
       "7:13 The condition is always true: it is text with values in it; put the whole condition "
       "into one ${{ }}, or leave ${{ }} out [always-true]\n"},
      {with_step("      - run: x\n        if: ${{ github.ref_name == 'main' }}\n"), ""},
      {with_step("      - run: x\n        if: \"'a' != 'b'\"\n"),
       "7:13 The condition is always true: it depends on nothing [always-true]\n"},
      {with_step("      - run: x\n        if: \"'a' == 'b'\"\n"),
       "7:13 The condition is always false: it depends on nothing [always-false]\n"},
      {with_step("      - run: x\n        if: false\n"), ""},  // a usual way to switch a step off
      {with_step("      - run: x\n        if: always()\n"), ""},
  });
}

TEST_CASE("lint: text of strangers in a script is shown where it stands") {
  check({
      {with_step("      - run: |\n          set -e\n          echo \"${{ github.event.issue.title "
                 "}}\"\n"),
       "8:21 'github.event.issue.title' is text that strangers choose, and becomes part of the "
       "script; give it to the step as an environment variable and use that [injection]\n"},
      {with_step("      - run: echo ${{ toJSON(github.event.issue) }}\n"),
       "6:30 'github.event.issue' is text that strangers choose, and becomes part of the script; "
       "give it to the step as an environment variable and use that [injection]\n"},
      {with_step("      - run: echo ${{ github.event.commits[0].message }}\n"),
       "6:23 'github.event.commits[0].message' is text that strangers choose, and becomes part of "
       "the script; give it to the step as an environment variable and use that [injection]\n"},
      {with_step("      - run: echo $T\n        env: {T: '${{ github.event.issue.title }}'}\n"),
       ""},
      {with_step("      - run: echo ${{ contains(github.event.issue.title, 'x') }}\n"), ""},
      {with_step("      - run: echo ${{ github.event.issue.number }}\n"), ""},
  });
}

TEST_CASE("lint: names that nothing defines have a suggestion") {
  check({
      {with_step("      - run: echo ${{ github.event_nam }}\n"),
       "6:23 'github.event_nam' is always empty: the github context has no 'event_nam'; did you "
       "mean 'event_name'? [unknown-name]\n"},
      {with_step("      - {id: make, run: x}\n      - run: echo ${{ steps.mke.outputs.a }}\n"),
       "7:23 'steps.mke.outputs.a' is always empty: no step has the id 'mke'; did you mean "
       "'make'? [unknown-step]\n"},
      {with_step("      - run: echo ${{ steps.late.outputs.a }}\n      - {id: late, run: x}\n"),
       "6:23 'steps.late.outputs.a' is still empty here: step 'late' runs later "
       "[unknown-step]\n"},
      {with_step("      - {id: make, run: x}\n      - run: echo ${{ steps.make.result }}\n"),
       "7:23 'steps.make.result' is always empty: a step has no 'result'; expected one of "
       "outputs, outcome, conclusion [unknown-name]\n"},
      {with_step("      - run: echo ${{ inputs.a }} ${{ matrix.b }}\n"),
       "6:23 'inputs.a' is always empty: no input is called 'a' [unknown-input]\n"
       "6:39 'matrix.b' is always empty: the job's matrix has no 'b' [unknown-matrix-key]\n"},
  });
}

TEST_CASE("lint: needs and their outputs") {
  const std::string head =
      "on: push\njobs:\n  a:\n    runs-on: x\n    outputs: {version: '1'}\n    steps: [{run: x}]\n"
      "  b:\n    runs-on: x\n    needs: a\n    steps:\n";
  check({
      {head + "      - run: echo ${{ needs.a.outputs.version }} ${{ needs.a.result }}\n", ""},
      {head + "      - run: echo ${{ needs.a.outputs.verson }}\n",
       "11:23 'needs.a.outputs.verson' is always empty: job 'a' has no output 'verson'; did you "
       "mean 'version'? [unknown-output]\n"},
      {head + "      - run: x\n  c:\n    runs-on: x\n    needs: b\n    if: needs.a.result == 'ok'\n"
              "    steps: [{run: x}]\n",
       "15:9 'needs.a.result == 'ok'' is always false: it is never 'ok'; expected one of success, "
       "failure, cancelled, skipped [comparison]\n"
       "15:9 'needs.a.result' is always empty: job 'c' does not need 'a'; add it to the job's "
       "'needs' [unknown-need]\n"},
  });
}

TEST_CASE("lint: comparisons that cannot come true") {
  check({
      {with_step("      - {run: x, if: \"github.ref == 'main'\"}\n"),
       "6:23 'github.ref == 'main'' is always false: github.ref is a full name; compare with "
       "'refs/heads/main', or github.ref_name [comparison]\n"},
      {with_step("      - {run: x, if: \"github.event_name != 'pull_request'\"}\n"),
       "6:23 'github.event_name != 'pull_request'' is always true: 'on' does not list "
       "'pull_request'; expected one of push, issues [comparison]\n"},
      {with_step("      - {run: x, if: \"github.event == 'push'\"}\n"),
       "6:23 'github.event == 'push'' is always false: an object equals no value [comparison]\n"},
      {"on: {workflow_dispatch: {inputs: {dry: {type: boolean}}}}\njobs:\n  a:\n    runs-on: x\n"
       "    steps:\n      - {run: x, if: inputs.dry == 'true'}\n",
       "6:22 'inputs.dry == 'true'' is always false: the input is a boolean; write inputs.dry, "
       "without a comparison [comparison]\n"},
      {with_step("      - {run: x, if: \"runner.os == 'linux'\"}\n"), ""},
  });
}

TEST_CASE("lint: filters that can never match") {
  const std::string tail = "jobs:\n  a:\n    runs-on: x\n    steps: [{run: x}]\n";
  check({
      {"on:\n  push:\n    branches: [refs/heads/main]\n" + tail,
       "3:16 'refs/heads/main' can never match: names have no 'refs/heads/' before them here; "
       "write 'main' [filter]\n"},
      {"on:\n  push:\n    branches: ['!dev']\n" + tail,
       "3:16 'branches' has only patterns that exclude: it selects nothing; put '**' before them "
       "[filter]\n"},
      {"on:\n  push:\n    paths: [./src/**, docs/, '!docs/']\n" + tail,
       "3:13 './src/**' can never match: paths start at the repository's top, without './' or "
       "'/'; write 'src/**' [filter]\n"
       "3:23 'docs/' can never match: it names a folder, and only files are looked at; write "
       "'docs/**' [filter]\n"
       "3:23 'docs/' can never match: '!docs/' after it takes it back [filter]\n"
       "3:30 '!docs/' can never match: it names a folder, and only files are looked at; write "
       "'docs/**' [filter]\n"},
      {"on:\n  push:\n    tags: [v*]\n    paths: [src/**]\n" + tail,
       "4:13 The path filter is never looked at: only tags are selected; paths do not count for "
       "tags [filter]\n"},
      {"on:\n  push:\n    branches: [main, '!main', 'rel/**']\n" + tail,
       "3:16 'main' can never match: '!main' after it takes it back [filter]\n"},
  });
}

TEST_CASE("lint: shells and withdrawn commands") {
  check({
      {with_step("      - {run: x, shell: bsh}\n"),
       "6:25 Unknown shell 'bsh'; did you mean 'bash'? [shell]\n"},
      {with_step("      - {run: x, shell: 'perl {0}'}\n"), ""},
      {with_step("      - run: echo \"::set-env name=A::b\"\n"),
       "6:20 The command '::set-env' fails the step: it was withdrawn; append to $GITHUB_ENV "
       "instead [withdrawn-command]\n"},
  });
}

TEST_CASE("lint: inputs and outputs of the actions and workflows that are at hand") {
  const std::string manifest =
      "name: t\ndescription: d\ninputs:\n  who: {required: true}\n  how: {default: x}\n"
      "outputs:\n  said: {value: '1'}\nruns:\n  using: composite\n  steps: []\n";
  const auto action = parse_action("action.yml", manifest).action;
  REQUIRE(action);
  LintFiles files;
  files.action = [&](std::string_view uses) { return uses == "./greet" ? action : nullptr; };
  CHECK(lint_text(with_step("      - uses: ./greet\n        with: {woh: y}\n"), files) ==
        "6:15 The action './greet' requires the input 'who' [action-input]\n"
        "7:16 The action './greet' has no input 'woh'; expected one of who, how [action-input]\n");
  CHECK(lint_text(with_step("      - {id: g, uses: ./greet, with: {who: y}}\n"
                            "      - run: echo ${{ steps.g.outputs.sad }}\n"),
                  files) ==
        "7:23 'steps.g.outputs.sad' is always empty: step 'g' has no output 'sad'; did you mean "
        "'said'? [unknown-output]\n");
  CHECK(lint_text(with_step("      - {uses: ./unknown, with: {who: y}}\n"), files).empty());
}

TEST_CASE("lint: a composite action's inputs are text") {
  const std::string text =
      "name: t\ndescription: d\ninputs:\n  fast: {default: 'true'}\nruns:\n  using: composite\n"
      "  steps:\n    - {run: x, shell: bash, if: inputs.fast == true}\n"
      "    - {run: 'echo ${{ inputs.slow }}', shell: bash}\n";
  const auto action = parse_action("action.yml", text).action;
  REQUIRE(action);
  CHECK(lines_of(lint(*action, text, {})) ==
        "8:33 'inputs.fast == true' is always false: the inputs of an action are text; compare "
        "with 'true' [comparison]\n"
        "9:23 'inputs.slow' is always empty: no input is called 'slow'; expected one of fast "
        "[unknown-input]\n");
}

}  // namespace
}  // namespace gantry::core::workflow
