// SPDX-License-Identifier: MIT
// Reusable workflows in the run machine, from their text.
#include "core/run/run_machine.hpp"
#include "core/workflow/reusable_workflows.hpp"

#include <doctest.h>

#include <map>
#include <stdexcept>

using namespace gantry::core;
using namespace gantry::core::run;

namespace {

using Files = std::map<std::string, std::string>;

// "create a/b; skip c (because); …": effects as text.
std::string text_of(const Effects& effects) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : "; ") + part; };
  const auto key = [](const LegKey& leg) {
    return leg.job_id + (leg.leg > 0 ? "#" + std::to_string(leg.leg) : "");
  };
  for (const Effect& effect : effects) {
    if (const auto* leg = std::get_if<CreateLeg>(&effect)) {
      add("create " + key(leg->key) + " '" + leg->name + "'");
    } else if (const auto* skip = std::get_if<SkipJob>(&effect)) {
      add("skip " + key(skip->key));
    } else if (const auto* failed = std::get_if<FailJob>(&effect)) {
      add("fail " + key(failed->key) + " in " + failed->file + ": " + failed->diagnostic.message);
    } else if (const auto* cancel = std::get_if<CancelLeg>(&effect)) {
      add("cancel " + key(cancel->key));
    } else if (const auto* enter = std::get_if<EnterGroup>(&effect)) {
      add("enter " + enter->concurrency.group + " for " + key(enter->call) +
          (enter->held ? " again" : ""));
    } else if (const auto* leave = std::get_if<LeaveGroups>(&effect)) {
      add("leave for " + key(leave->call));
    } else {
      add("run " + std::string(to_string(std::get<CompleteRun>(effect).conclusion)));
    }
  }
  return text;
}

RunContexts contexts_of(const char* github = "{}") {
  return {*expr::parse_json(github), *expr::parse_json(R"({"COLOUR": "green"})"),
          *expr::parse_json("{}")};
}

struct Run {
  explicit Run(const Files& files) {
    workflow::LoadOptions options;
    options.max_call_depth = 9;
    auto result = workflow::load_workflow(
        "ci.yml", files.at("ci.yml"),
        [&](std::string_view name) -> std::optional<std::string> {
          const auto found = files.find(std::string(name));
          if (found == files.end()) return std::nullopt;
          return found->second;
        },
        options);
    if (!result.workflow) {
      throw std::runtime_error(result.problems.front().file + ": " +
                               result.problems.front().diagnostic.message);
    }
    loaded = std::make_shared<const workflow::LoadedWorkflow>(*std::move(result.workflow));
    machine.emplace(make());
  }

  RunMachine make() const {
    return {std::shared_ptr<const workflow::Workflow>(loaded, &loaded->workflow), contexts_of(),
            loaded};
  }
  std::string start() { return text_of(machine->start()); }
  std::string end(const std::string& job, Conclusion how = Conclusion::success,
                  const Outputs& outputs = {}, int leg = 0) {
    return text_of(machine->leg_finished({job, leg}, how, outputs));
  }

  std::shared_ptr<const workflow::LoadedWorkflow> loaded;
  std::optional<RunMachine> machine;
};

const char* const kBuild = R"(on:
  workflow_call:
    inputs:
      target: {type: string, required: true}
      fast: {type: boolean, default: true}
      times: {type: number}
    secrets: {KEY: {}}
    outputs:
      made: {value: '${{ jobs.pack.outputs.made }}'}
jobs:
  compile: {runs-on: x, steps: [{run: 'true'}]}
  pack:
    name: pack ${{ inputs.target }}
    needs: compile
    runs-on: x
    outputs: {made: x}
    steps: [{run: 'true'}]
)";

const char* const kCaller = R"(on: push
jobs:
  first: {runs-on: x, steps: [{run: 'true'}]}
  build:
    needs: first
    uses: ./.github/workflows/build.yml
    with: {target: '${{ vars.COLOUR }}', times: 3}
    secrets: {KEY: '${{ secrets.DEPLOY_KEY }}-x'}
  last:
    needs: build
    if: needs.build.outputs.made == 'it'
    runs-on: x
    steps: [{run: 'true'}]
)";

const std::string kBuildFile = ".github/workflows/build.yml";

}  // namespace

TEST_CASE("calls: the jobs of a called workflow run as its caller's, outputs go back") {
  Run run({{"ci.yml", kCaller}, {kBuildFile, kBuild}});
  CHECK(run.start() == "create first 'first'");
  CHECK(run.end("first") == "create build.compile 'build / compile'");
  CHECK(run.end("build.compile") == "create build.pack 'build / pack green'");
  const JobPlace place = run.machine->place_of("build.pack");
  CHECK(place.workflow->file == kBuildFile);
  CHECK(place.job->id == "pack");
  CHECK(expr::to_json(place.inputs) == R"({"target":"green","fast":true,"times":3})");
  CHECK(expr::to_json(run.machine->needs_context("build.pack")) ==
        R"({"compile":{"result":"success","outputs":{}}})");
  CHECK(run.end("build.pack", Conclusion::success, {{"made", "it"}}) == "create last 'last'");
  CHECK(run.end("last") == "run success");
}

TEST_CASE("calls: a failure inside is the call's, and its dependents are skipped") {
  Run run({{"ci.yml", kCaller}, {kBuildFile, kBuild}});
  run.start();
  run.end("first");
  CHECK(run.end("build.compile", Conclusion::failure) == "skip build.pack; skip last; run failure");
}

TEST_CASE("calls: a call that is skipped is one skipped job") {
  Run run({{"ci.yml", kCaller}, {kBuildFile, kBuild}});
  run.start();
  CHECK(run.end("first", Conclusion::failure) == "skip build; skip last; run failure");
}

TEST_CASE("calls: secrets are mapped, an empty one is not passed, inherit passes all") {
  Run run({{"ci.yml", kCaller}, {kBuildFile, kBuild}});
  run.start();
  run.end("first");
  const auto place = run.machine->place_of("build.compile");
  const auto mapped = pass_secrets(place.calls, {{"DEPLOY_KEY", "k"}, {"OTHER", "o"}});
  REQUIRE(mapped);
  CHECK(*mapped == workflow::StringMap{{"KEY", "k-x"}});
  CHECK(*pass_secrets({}, {{"OTHER", "o"}}) == workflow::StringMap{{"OTHER", "o"}});

  std::string caller = kCaller;
  caller.replace(caller.find("{KEY: '${{ secrets.DEPLOY_KEY }}-x'}"), 36, "inherit");
  Run inherits({{"ci.yml", caller}, {kBuildFile, kBuild}});
  inherits.start();
  inherits.end("first");
  CHECK(*pass_secrets(inherits.machine->place_of("build.compile").calls, {{"OTHER", "o"}}) ==
        workflow::StringMap{{"OTHER", "o"}});
}

TEST_CASE("calls: an input that turns out to have the wrong type fails the call") {
  std::string caller = kCaller;
  caller.replace(caller.find("times: 3"), 8, "times: '${{ github.sha }}'");
  Run run({{"ci.yml", caller}, {kBuildFile, kBuild}});
  run.start();
  CHECK(run.end("first") ==
        "fail build in ci.yml: Error when calling './.github/workflows/build.yml' from job "
        "'build'. Unexpected value '': the input 'times' is a number; skip last; run failure");
}

TEST_CASE("calls: a matrix of calls numbers its legs, keeps max-parallel and fails fast") {
  const std::string caller = R"(on: push
jobs:
  call:
    strategy: {max-parallel: 2, matrix: {os: [a, b, c]}}
    uses: ./.github/workflows/build.yml
    with: {target: '${{ matrix.os }}'}
  after: {needs: call, runs-on: x, steps: [{run: 'true'}]}
)";
  Run run({{"ci.yml", caller}, {kBuildFile, kBuild}});
  CHECK(run.start() ==
        "create call[0].compile 'call (a) / compile'; create call[1].compile 'call (b) / compile'");
  CHECK(run.end("call[0].compile") == "create call[0].pack 'call (a) / pack a'");
  CHECK(run.end("call[0].pack") == "create call[2].compile 'call (c) / compile'");
  CHECK(run.end("call[1].compile", Conclusion::failure) ==
        "skip call[1].pack; cancel call[2].compile");
  CHECK(run.end("call[2].compile", Conclusion::cancelled) ==
        "skip call[2].pack; skip after; run failure");
}

TEST_CASE("calls: nested calls prefix every level; cancelling reaches the innermost jobs") {
  const std::string middle = R"(on: {workflow_call: }
jobs:
  inner:
    uses: ./.github/workflows/build.yml
    with: {target: t}
  clean: {needs: inner, if: always(), runs-on: x, steps: [{run: 'true'}]}
)";
  const std::string caller = R"(on: push
jobs: {outer: {uses: ./.github/workflows/middle.yml}}
)";
  Run run({{"ci.yml", caller}, {".github/workflows/middle.yml", middle}, {kBuildFile, kBuild}});
  CHECK(run.start() == "create outer.inner.compile 'outer / inner / compile'");
  CHECK(text_of(run.machine->cancel("stop")) == "cancel outer.inner.compile");
  CHECK(run.end("outer.inner.compile", Conclusion::cancelled) ==
        "skip outer.inner.pack; create outer.clean 'outer / clean'");
  CHECK(run.end("outer.clean") == "run cancelled");
}

TEST_CASE("calls: what was recorded is taken up again wherever the run was") {
  const Files files = {{"ci.yml", kCaller}, {kBuildFile, kBuild}};
  Run run(files);
  run.machine->start();
  RunMachine again = run.make();
  const auto row = [](const char* id, std::optional<Conclusion> how, Outputs outputs = {}) {
    RecordedJob job;
    job.key = {id, 0};
    job.conclusion = how;
    job.outputs = std::move(outputs);
    job.name = id;
    return job;
  };
  CHECK(text_of(again.restore(
            {row("first", Conclusion::success), row("build.compile", Conclusion::success),
             row("build.pack", std::nullopt)},
            std::nullopt)) == "");
  CHECK(text_of(again.leg_finished({"build.pack", 0}, Conclusion::success, {{"made", "it"}})) ==
        "create last 'last'");
  RunMachine later = run.make();
  CHECK(text_of(later.restore(
            {row("first", Conclusion::success), row("build.compile", std::nullopt)}, "stop")) ==
        "cancel build.compile");
}

TEST_CASE("calls: a rerun of what failed keeps the jobs of a call that went well") {
  const Files files = {{"ci.yml", kCaller}, {kBuildFile, kBuild}};
  Run run(files);
  const auto row = [](const char* id, Conclusion how) {
    RecordedJob job;
    job.key = {id, 0};
    job.conclusion = how;
    return job;
  };
  const std::vector<RecordedJob> rows = {
      row("first", Conclusion::success), row("build.compile", Conclusion::success),
      row("build.pack", Conclusion::failure), row("last", Conclusion::skipped)};
  const auto names = [](const std::vector<RecordedJob>& kept) {
    std::string text;
    for (const auto& job : kept)
      text += job.key.job_id + " ";
    return text;
  };
  const auto& workflow = run.loaded->workflow;
  CHECK(names(keep_for_rerun(workflow, rows, RerunScope::failed, {}, run.loaded.get())) ==
        "first build.compile ");
  CHECK(names(keep_for_rerun(workflow, rows, RerunScope::one_job, {"build.compile", 0},
                             run.loaded.get())) == "first ");
  CHECK(names(keep_for_rerun(workflow, rows, RerunScope::one_job, {"first", 0},
                             run.loaded.get())) == "");
}

TEST_CASE("calls: groups of the call and of the called workflow are entered one after the other") {
  const std::string callee = R"(on: {workflow_call: }
concurrency: inner
jobs:
  a: {runs-on: x, concurrency: own, steps: [{run: 'true'}]}
)";
  const std::string caller = R"(on: push
jobs:
  call: {uses: ./.github/workflows/build.yml, concurrency: outer}
)";
  Run run({{"ci.yml", caller}, {kBuildFile, callee}});
  CHECK(run.start() == "enter outer for call");
  CHECK(text_of(run.machine->group_entered({"call", 0})) == "enter inner for call");
  CHECK(text_of(run.machine->group_entered({"call", 0})) == "create call.a 'call / a'");
  CHECK(text_of(run.machine->group_entered({"call", 0})) == "");
  CHECK(run.end("call.a") == "leave for call; run success");

  Run superseded({{"ci.yml", caller}, {kBuildFile, callee}});
  superseded.start();
  CHECK(text_of(superseded.machine->cancel_call({"call", 0}, "newer")) ==
        "leave for call; run cancelled");
}

TEST_CASE("calls: a group that an enclosing workflow holds is a deadlock, told as GitHub does") {
  const std::string callee = R"(on: {workflow_call: }
concurrency: Same
jobs: {a: {runs-on: x, steps: [{run: 'true'}]}}
)";
  const std::string caller = R"(on: push
concurrency: same
jobs: {call: {uses: ./.github/workflows/build.yml}}
)";
  Run run({{"ci.yml", caller}, {kBuildFile, callee}});
  CHECK(run.start() ==
        "fail call in ci.yml: Error when calling './.github/workflows/build.yml' from job 'call'. "
        "Canceling since a deadlock for concurrency group 'Same' was detected between 'top level "
        "workflow' and 'job'; run failure");
}

TEST_CASE("calls: permissions are the job's, the called workflow's, or those passed on") {
  const std::string callee = R"(on: {workflow_call: }
jobs:
  a: {runs-on: x, steps: [{run: 'true'}]}
  b: {runs-on: x, permissions: {issues: read}, steps: [{run: 'true'}]}
)";
  const std::string caller = R"(on: push
permissions: {contents: read}
jobs:
  call:
    uses: ./.github/workflows/build.yml
    permissions: {contents: write, issues: write}
)";
  Run run({{"ci.yml", caller}, {kBuildFile, callee}});
  run.start();
  const auto level = [&](const char* job, std::size_t scope) {
    return run.machine->place_of(job).permissions->level(scope);
  };
  constexpr std::size_t contents = 2, issues = 5;
  CHECK(level("call.a", contents) == workflow::AccessLevel::write);
  CHECK(level("call.b", contents) == workflow::AccessLevel::none);
  CHECK(level("call.b", issues) == workflow::AccessLevel::read);
}
