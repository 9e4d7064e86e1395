// SPDX-License-Identifier: MIT
// Reading and planning a workflow of 200 jobs, and evaluating an expression: the median of many.
#include "core/expr/contexts.hpp"
#include "core/expr/evaluator.hpp"
#include "core/expr/parser.hpp"
#include "core/run/run_machine.hpp"
#include "core/workflow/triggers.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>

namespace {

using namespace gantry::core;
using Clock = std::chrono::steady_clock;

double median_microseconds(int times, const std::function<void()>& work) {
  std::vector<double> taken;
  for (int i = 0; i < times; ++i) {
    const auto start = Clock::now();
    work();
    taken.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
  }
  std::nth_element(taken.begin(), taken.begin() + times / 2, taken.end());
  return taken[static_cast<std::size_t>(times) / 2];
}

std::string two_hundred_jobs() {
  std::string text = "on:\n  push:\n    branches: [main, 'v*']\njobs:\n";
  for (int i = 0; i < 200; ++i) {
    text += "  job" + std::to_string(i) + ":\n    runs-on: ubuntu-latest\n" +
            "    if: github.event_name == 'push' && github.ref == 'refs/heads/main'\n" +
            "    env: {LEVEL: \"${{ github.run_number }}\"}\n    steps:\n" +
            "      - uses: actions/checkout@v4\n      - run: make -C part" + std::to_string(i) +
            " REV=${{ github.sha }}\n      - {run: make test, if: failure()}\n";
  }
  return text;
}

}  // namespace

int main() {
  const std::string text = two_hundred_jobs();
  const auto github = expr::parse_json(
      R"({"event_name": "push", "ref": "refs/heads/main", "sha": "a", "run_number": "1"})");
  workflow::Event event;
  event.name = "push";
  set_ref(event, "refs/heads/main");
  std::size_t effects = 0;
  const double plan = median_microseconds(51, [&] {
    const auto parsed = workflow::parse_workflow("ci.yml", text);
    if (!parsed.workflow || !decide_trigger(*parsed.workflow, event, std::nullopt).starts) return;
    run::RunContexts contexts;
    contexts.github = *github;
    effects = run::RunMachine(parsed.workflow, contexts).start().size();
  });
  expr::Environment environment;
  environment.contexts.set("github", *github);
  environment.call = [](std::string_view, std::span<const expr::Value>) {
    return expr::Value(true);
  };
  const auto expression =
      expr::parse("success() && (github.event_name == 'push' && startsWith(github.ref, 'refs/'))",
                  expr::scope_of(expr::Place::job_if));
  constexpr int kTimes = 1000;
  const double evaluation = median_microseconds(101, [&] {
    for (int i = 0; i < kTimes; ++i)
      static_cast<void>(evaluate(*expression, environment));
  });
  std::printf(R"({"jobs": %zu, "plan_ms": %.3f, "evaluate_us": %.3f})"
              "\n",
              effects, plan / 1000, evaluation / kTimes);
  return effects == 200 ? 0 : 1;
}
