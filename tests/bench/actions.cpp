// SPDX-License-Identifier: MIT
// bench_actions FOLDER GANTRY_GIT FILES ROUNDS: how long until a job has an action that was used
// before (no network, no process), beside the hard links alone; and how fast lines pass problem
// matchers, beside splitting them. Prints JSON.
#include "daemon/runner/actions.hpp"

#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "core/run/problem_matcher.hpp"
#include "daemon/runner/link_tree.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace {

using namespace gantry;
using std::chrono::steady_clock;
namespace fs = std::filesystem;
namespace runner = daemon::runner;

double milliseconds_since(steady_clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(steady_clock::now() - begin).count();
}

double quantile(std::vector<double> values, double part) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(part * static_cast<double>(values.size() - 1))];
}

// A repository of so many small files, ten to a folder. Returns its commit.
std::string make_action(const fs::path& folder, int files) {
  for (int i = 0; i < files; ++i) {
    const fs::path file = folder / ("d" + std::to_string(i / 10)) / std::to_string(i);
    fs::create_directories(file.parent_path());
    core::write_file_atomic(file, std::string(500, 'x'));
  }
  core::write_file_atomic(folder / "action.yml", "runs: {using: node20, main: d0/0}\n");
  const std::string script = "cd '" + folder.string() +
                             "' && git init -q && git add -A && git -c user.name=a -c "
                             "user.email=a@b.c commit -qm x && git rev-parse HEAD > ../sha";
  if (std::system(script.c_str()) != 0) throw std::runtime_error("git failed");
  return std::string(core::trim(core::read_file(folder.parent_path() / "sha")));
}

void measure_mount(const fs::path& folder, const std::string& git, int files, int rounds) {
  const std::string sha = make_action(folder / "sources/o/r", files);
  runner::ActionStoreSettings settings;
  settings.folder = folder / "store";
  settings.sources = {(folder / "sources").string()};
  settings.git = git;
  const runner::ActionStore store(settings);
  core::workflow::Step step;
  step.uses = core::workflow::Located<std::string>{"o/r@" + sha, {}};
  const std::vector<core::workflow::Step> steps = {step};
  const auto first = runner::prepare_actions(steps, {}, store);
  if (!first.problems.empty()) throw std::runtime_error(first.problems[0].message);
  std::vector<double> ours, floor;
  for (int i = 0; i < rounds; ++i) {
    const fs::path shown = folder / "shown" / std::to_string(i);
    const auto begin = steady_clock::now();
    const auto prepared = runner::prepare_actions(steps, {}, store);
    runner::link_tree(prepared.trees.at(0).tree, shown / prepared.trees[0].relative);
    ours.push_back(milliseconds_since(begin));
    const fs::path links = folder / "links" / std::to_string(i);
    fs::create_directories(links);
    const std::string from = (first.trees[0].tree / "action.yml").string();
    const auto floor_begin = steady_clock::now();
    for (int file = 0; file < files; ++file) {
      if (::link(from.c_str(), (links / std::to_string(file)).c_str()) != 0) std::abort();
    }
    floor.push_back(milliseconds_since(floor_begin));
  }
  std::printf("{\"p50_ms\": %.3f, \"p99_ms\": %.3f, \"floor_ms\": %.3f", quantile(ours, 0.5),
              quantile(ours, 0.99), quantile(floor, 0.5));
}

void measure_matchers() {
  core::run::ProblemMatchers matchers;
  const auto parsed = core::run::parse_problem_matchers(R"js({"problemMatcher": [
    {"owner": "tsc", "pattern": [{"regexp": "^(?:\\s+\\d+\\>)?([^\\s].*)\\((\\d+),(\\d+)\\)\\s*:\\s+(error|warning|info)\\s+(\\w{1,2}\\d+)\\s*:\\s*(.*)$",
      "file": 1, "line": 2, "column": 3, "severity": 4, "code": 5, "message": 6}]},
    {"owner": "gcc", "pattern": [{"regexp": "^(.+?):(\\d+):(\\d+):\\s+(warning|error):\\s+(.*)$",
      "file": 1, "line": 2, "column": 3, "severity": 4, "message": 5}]}]})js");
  for (const auto& matcher : *parsed)
    matchers.add(matcher);
  constexpr int kLines = 200'000;
  const std::string plain = "[ 42%] Building CXX object core/CMakeFiles/core.dir/run/masker.cpp.o";
  const std::string wrong = "core/run/masker.cpp:12:5: warning: unused variable 'x'";
  int found = 0;
  const auto begin = steady_clock::now();
  for (int i = 0; i < kLines; ++i)
    found += matchers.match(i % 100 == 0 ? wrong : plain).problem ? 1 : 0;
  const double ms = milliseconds_since(begin);
  if (found != kLines / 100) std::abort();
  std::printf(", \"lines_per_s\": %.0f}\n", kLines * 1000.0 / ms);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: bench_actions FOLDER GANTRY_GIT FILES ROUNDS\n");
    return 2;
  }
  const core::TempDir folder{fs::path(argv[1])};
  measure_mount(folder.path(), argv[2], std::atoi(argv[3]), std::atoi(argv[4]));
  measure_matchers();
  return 0;
}
