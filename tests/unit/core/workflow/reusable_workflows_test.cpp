// SPDX-License-Identifier: MIT
#include "core/workflow/reusable_workflows.hpp"

#include <doctest/doctest.h>

#include <map>

namespace gantry::core::workflow {
namespace {

using Files = std::map<std::string, std::string>;

LoadResult load(const std::string& jobs, const Files& files, const LoadOptions& options = {}) {
  const FileProvider provider = [&](std::string_view name) -> std::optional<std::string> {
    const auto found = files.find(std::string(name));
    if (found == files.end()) return std::nullopt;
    return found->second;
  };
  return load_workflow(".github/workflows/main.yml", "on: push\njobs:\n" + jobs, provider, options);
}

const std::string kCallee =
    "on: workflow_call\njobs:\n  b:\n    runs-on: x\n    steps: [{run: echo}]\n";
const std::string kLocal = ".github/workflows/b.yml";

std::string first_problem(const LoadResult& result) {
  return result.problems.empty() ? "" : result.problems.front().diagnostic.message;
}

TEST_CASE("calls: a local workflow is found in the caller's repository, at the caller's ref") {
  const std::string remote = "o/r/.github/workflows/a.yml@v1";
  const std::string nested =
      "on: workflow_call\njobs:\n  n:\n    uses: ./.github/workflows/b.yml\n";
  const auto result =
      load("  a: {uses: ./.github/workflows/b.yml}\n  c: {uses: " + remote + "}\n",
           {{kLocal, kCallee}, {remote, nested}, {"o/r/.github/workflows/b.yml@v1", kCallee}});
  REQUIRE_MESSAGE(result.workflow, first_problem(result));
  CHECK(result.files == std::vector<std::string>{".github/workflows/main.yml", kLocal, remote,
                                                 "o/r/.github/workflows/b.yml@v1"});
}

TEST_CASE("calls: one that is missing, or calls itself without end, is a problem of the caller") {
  const auto missing = load("  a: {uses: ./.github/workflows/b.yml}\n", {});
  CHECK(first_problem(missing) == "The workflow '.github/workflows/b.yml' was not found");
  CHECK(missing.problems.front().diagnostic.position == yaml::Position{3, 13});
  const auto loop =
      load("  a: {uses: ./.github/workflows/b.yml}\n",
           {{kLocal, "on: workflow_call\njobs:\n  b: {uses: ./.github/workflows/b.yml}\n"}});
  CHECK(first_problem(loop) == "Nested reusable workflow depth exceeded 4.");
}

TEST_CASE("calls: problems inside a called file name the caller") {
  const auto result =
      load("  a: {uses: ./.github/workflows/b.yml}\n", {{kLocal, "on: workflow_call\njobs: []\n"}});
  REQUIRE(result.problems.size() == 1);
  CHECK(result.problems[0].file == kLocal);
  CHECK(result.problems[0].caller == ".github/workflows/main.yml");
}

TEST_CASE("calls: a workflow without workflow_call cannot be called") {
  const auto result = load("  a: {uses: ./.github/workflows/b.yml}\n",
                           {{kLocal, "on: push" + kCallee.substr(kCallee.find('\n'))}});
  CHECK(first_problem(result) == "workflow_call key is not defined in the referenced workflow.");
}

TEST_CASE("calls: files and jobs are limited over all workflows together") {
  const Files files = {{kLocal, kCallee}, {".github/workflows/c.yml", kCallee}};
  const std::string jobs =
      "  a: {uses: ./.github/workflows/b.yml}\n  b: {uses: ./.github/workflows/c.yml}\n";
  CHECK(load(jobs, files, {.max_files = 3, .max_jobs = 4}).workflow);
  CHECK(first_problem(load(jobs, files, {.max_files = 2})) ==
        "The maximum file count of 2 has been exceeded");
  CHECK(first_problem(load(jobs, files, {.max_jobs = 3})) ==
        "The workflow may not contain more than 3 jobs");
}

}  // namespace
}  // namespace gantry::core::workflow
