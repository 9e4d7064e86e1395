// SPDX-License-Identifier: MIT
#include "core/base/files.hpp"
#include "core/workflow/workflow.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace gantry::core::workflow {
namespace {

namespace fs = std::filesystem;

const std::string kTail = "\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: echo\n";

ParsedWorkflow parse(std::string_view text) {
  return parse_workflow(".github/workflows/ci.yml", text);
}

std::string messages(const ParsedWorkflow& parsed) {
  std::string all;
  for (const auto& diagnostic : parsed.diagnostics)
    all += diagnostic.message + "\n";
  return all;
}

std::string job_with(std::string_view lines) {
  return "on: push\njobs:\n  a:\n    runs-on: x\n" + std::string(lines) +
         "    steps:\n      - run: echo\n";
}

TEST_CASE("the workflows of this repository are read without a complaint") {
  for (const auto& entry :
       fs::directory_iterator(fs::path(GANTRY_SOURCE_DIR) / ".github/workflows")) {
    const auto parsed = parse(read_file(entry.path()));
    CHECK_MESSAGE(parsed.workflow != nullptr, entry.path().string(), "\n", messages(parsed));
    CHECK(parsed.diagnostics.empty());
  }
}

TEST_CASE("a workflow becomes a model with positions, triggers, needs and conditions") {
  const auto parsed = parse(
      "name: CI\n"
      "on:\n"
      "  push:\n"
      "    branches: [main, 'rel/**']\n"
      "    paths-ignore: docs/**\n"
      "  pull_request:\n"
      "    types: [opened]\n"
      "  workflow_dispatch:\n"
      "    inputs:\n"
      "      level:\n"
      "        type: choice\n"
      "        options: [low, high]\n"
      "        default: low\n"
      "jobs:\n"
      "  Build:\n"
      "    runs-on: [self-hosted, linux]\n"
      "    strategy: {matrix: {v: [1, 3.10]}}\n"
      "    steps:\n"
      "      - uses: actions/checkout@v4\n"
      "      - run: make\n"
      "      - run: make test\n"
      "        if: matrix.v > 1\n"
      "  ship:\n"
      "    needs: build\n"
      "    if: always()\n"
      "    runs-on: x\n"
      "    steps: [{id: go, run: echo}]\n");
  REQUIRE_MESSAGE(parsed.workflow, messages(parsed));
  const Workflow& workflow = *parsed.workflow;
  CHECK(workflow.name == "CI");
  REQUIRE(workflow.on.size() == 3);
  CHECK(workflow.on[0].branches->at(1).value == "rel/**");
  CHECK(workflow.on[0].branches->at(1).position == yaml::Position{4, 22});
  CHECK(workflow.on[0].paths_ignore->size() == 1);
  CHECK_FALSE(workflow.on[0].tags);
  CHECK(workflow.on[1].types->at(0).value == "opened");
  CHECK(workflow.on[2].inputs.at(0).options == std::vector<std::string>{"low", "high"});
  const Job& build = workflow.jobs.at(0);
  CHECK(build.condition.text == "success()");
  CHECK(build.steps.at(0).id == "__actions_checkout");
  CHECK(build.steps.at(2).id == "__run_2");
  CHECK(build.steps.at(2).condition.text == "success() && (matrix.v > 1)");
  CHECK(build.strategy.find("matrix")->find("v")->items.at(1).number == 3.1);
  const Job& ship = workflow.jobs.at(1);
  CHECK(ship.needs.at(0).value == "Build");
  CHECK(ship.condition.text == "always()");
  CHECK_FALSE(ship.steps.at(0).has_generated_id());
}

TEST_CASE("on, yes and no are strings; a number becomes text where text is wanted") {
  const auto parsed = parse("on: [push]\nenv:\n  A: yes\n  B: 3.10\n  C: 0x10\n  D:" + kTail);
  REQUIRE_MESSAGE(parsed.workflow, messages(parsed));
  const Token& env = parsed.workflow->env;
  CHECK(env.find("A")->text == "yes");
  CHECK(env.find("B")->text == "3.1");
  CHECK(env.find("C")->text == "16");
  CHECK(env.find("D")->text.empty());
}

TEST_CASE("an anchor is read where its alias stands, a merge key is only a key") {
  const auto parsed = parse(
      "on: push\nenv: &e {A: 1}\njobs:\n  a:\n    runs-on: x\n    env: *e\n"
      "    steps: [{run: echo}]\n");
  REQUIRE_MESSAGE(parsed.workflow, messages(parsed));
  CHECK(parsed.workflow->jobs[0].env.find("A")->text == "1");
  CHECK(messages(parse(job_with("    <<: {env: {A: 1}}\n"))) == "Unexpected value '<<'\n");
}

TEST_CASE("all mistakes of a file are told at once, each at its place") {
  const auto parsed = parse(
      "on: pish\n"
      "jobs:\n"
      "  a:\n"
      "    runs-on: x\n"
      "    if: ${{ env.A }}\n"
      "    needs: b\n"
      "    steps:\n"
      "      - runn: x\n"
      "  c:\n"
      "    steps: []\n");
  CHECK(parsed.workflow == nullptr);
  std::vector<int> lines;
  for (const auto& diagnostic : parsed.diagnostics)
    lines.push_back(diagnostic.position.line);
  const std::vector<int> expected{1, 5, 6, 8, 8, 10};
  CHECK_MESSAGE(lines == expected, messages(parsed));
}

TEST_CASE("what Gantry cannot carry out is an error, an event it does not receive a warning") {
  const auto refused = parse(job_with("    container: debian:12\n    snapshot: prod\n"));
  CHECK(refused.workflow == nullptr);
  CHECK(messages(refused) ==
        "'container' is not supported by Gantry yet\n'snapshot' is not supported by Gantry yet\n");
  CHECK(refused.diagnostics[0].kind == "unsupported");
  CHECK(refused.diagnostics[0].position == yaml::Position{5, 16});

  const auto warned = parse("on: [push, image_version]" + kTail);
  REQUIRE(warned.workflow);
  CHECK(warned.diagnostics.at(0).severity == yaml::Severity::warning);
}

TEST_CASE("hostile files end in a diagnostic, never in a crash or a wait") {
  std::string bomb = "on: push\nx0: &x0 [a, a, a, a, a, a, a, a, a, a]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string below = std::to_string(i - 1);
    bomb += "x" + std::to_string(i) + ": &x" + std::to_string(i) + " [";
    for (int k = 0; k < 10; ++k)
      bomb += (k > 0 ? ", *x" : "*x") + below;
    bomb += "]\n";
  }
  CHECK(messages(parse(bomb)) == "Maximum YAML nodes exceeded\n");
  CHECK(messages(parse("on: " + std::string(100'000, '['))) == "Maximum object depth exceeded\n");
  CHECK(messages(parse(std::string((1U << 20U) + 1, '#'))) ==
        "The maximum file size of 1048576 characters has been exceeded\n");
  CHECK(messages(parse("on: &a [*a]\n")) == "The alias 'a' stands inside its own anchor\n");
  CHECK(messages(parse("on: *nowhere\n")) == "Unknown anchor 'nowhere'\n");
  CHECK(messages(parse("a: \xC3(\n")) == "The file is not valid UTF-8\n");
  CHECK(messages(parse(std::string("a: b\0c\n", 7))) == "The file holds a NUL byte\n");
  CHECK(messages(parse("a: \x07\n")) == "The control character U+0007 is not allowed\n");
  CHECK(messages(parse("on: push\n---\non: push\n")) ==
        "A workflow file holds one YAML document only\n");
  for (const char* text :
       {"", "~", "[]", "- a", "a", "{}", "? [a]\n: b", "on", "{on: {}, jobs: []}",
        "{on: push, jobs: {a: {steps: {}}}}", "{on: [[]], jobs: {a: 1}}",
        "on: {push: {branches: {a: b}}}\njobs: {'': []}"}) {
    const auto parsed = parse(text);
    CHECK(parsed.workflow == nullptr);
    CHECK_MESSAGE(!parsed.diagnostics.empty(), text);
  }
}

TEST_CASE("files that ask for endless work or endless complaints are answered soon and briefly") {
  constexpr int kMany = 3000;
  std::string typos = "on: push", cycle = "on: push\njobs:\n", steps = job_with("");
  for (int i = 0; i < kMany; ++i) {
    const std::string n = std::to_string(i), next = std::to_string((i + 1) % kMany);
    typos += "\nx" + n + ": 1";
    cycle += "  j" + n + ": {needs: [j" + next + ", nope" + n + "], runs-on: x}\n";
    steps += "      - run: echo\n";
  }
  cycle += "  start: {runs-on: x}\n";
  CHECK(parse(typos + kTail).diagnostics.size() == 100);
  CHECK(parse(cycle).diagnostics.size() == 100);
  const auto many = parse(steps);
  REQUIRE(many.workflow);
  CHECK(many.workflow->jobs[0].steps.back().id == "__run_3001");

  std::string repeated = "on: push\nenv: {a: &a " + std::string(500'000, 'a') + "}\njobs: [";
  for (int i = 0; i < 40; ++i)
    repeated += "*a, ";
  CHECK(messages(parse(repeated + "]\n")) == "Maximum YAML nodes exceeded\n");

  const auto wrong = parse(job_with("    timeout-minutes: " + std::string(100'000, 'y') + "\n"));
  REQUIRE(wrong.diagnostics.size() == 1);
  CHECK(wrong.diagnostics[0].message.size() == 500);
}

TEST_CASE("a matrix is checked as far as it is known") {
  CHECK(messages(parse(job_with("    strategy: {matrix: {}}\n"))) ==
        "Matrix must define at least one vector\n");
  CHECK(messages(parse(job_with("    strategy: {matrix: {a: [], b: ['${{ github.ref }}']}}\n"))) ==
        "Matrix vector 'a' does not contain any values\n");
  CHECK(parse(job_with("    strategy: {matrix: '${{ fromJSON(vars.M) }}'}\n")).workflow);
}

// Each file of tests/golden/workflow_err beside its rendered diagnostics in .out. UPDATE_GOLDEN=1
// writes them anew, and then the test fails so that nobody takes it for a pass.
TEST_CASE("golden: diagnostics of broken workflows read as written down") {
  const bool update = std::getenv("UPDATE_GOLDEN") != nullptr;
  std::vector<fs::path> files;
  for (const auto& entry :
       fs::directory_iterator(fs::path(GANTRY_SOURCE_DIR) / "tests/golden/workflow_err")) {
    if (entry.path().extension() == ".yml") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  CHECK(files.size() >= 10);
  for (const fs::path& file : files) {
    const std::string source = read_file(file);
    const std::string name = file.filename().string();
    const auto parsed = parse_workflow(name, source);
    const std::string actual = yaml::render_all(parsed.diagnostics, name, source);
    const fs::path out = fs::path(file).replace_extension(".out");
    const auto expected = read_file_if_exists(out);
    if (expected && *expected == actual) continue;
    if (update) {
      write_file_atomic(out, actual);
      FAIL_CHECK("updated " << out.filename().string() << "; read the change and run again");
    } else {
      CHECK_MESSAGE(expected.value_or("") == actual, name);
    }
  }
}

}  // namespace
}  // namespace gantry::core::workflow
