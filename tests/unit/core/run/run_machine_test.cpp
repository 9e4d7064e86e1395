// SPDX-License-Identifier: MIT
#include "core/run/run_machine.hpp"

#include "core/base/text.hpp"
#include "tests/unit/core/run/workflow_of.hpp"

#include <doctest.h>

#include <random>

using namespace gantry::core;
using namespace gantry::core::run;

namespace {

RunContexts contexts(std::string_view github = R"j({"ref":"refs/heads/main"})j") {
  const auto value = expr::parse_json(github);
  REQUIRE(value);
  return {.github = *value, .vars = expr::Object(), .inputs = expr::Object()};
}

std::string key_text(const LegKey& key) {
  return key.job_id + (key.leg == 0 ? "" : "/" + std::to_string(key.leg));
}

// "create a, skip b, cancel c/1, done success".
std::string text(const Effects& effects) {
  std::vector<std::string> words;
  for (const Effect& effect : effects) {
    if (const auto* create = std::get_if<CreateLeg>(&effect)) {
      words.push_back("create " + key_text(create->key));
    } else if (const auto* skip = std::get_if<SkipJob>(&effect)) {
      words.push_back("skip " + key_text(skip->key));
    } else if (const auto* failed = std::get_if<FailJob>(&effect)) {
      words.push_back("fail " + key_text(failed->key));
    } else if (const auto* cancel = std::get_if<CancelLeg>(&effect)) {
      words.push_back("cancel " + key_text(cancel->key));
    } else if (const auto* done = std::get_if<CompleteRun>(&effect)) {
      words.push_back("done " + std::string(to_string(done->conclusion)));
    }
  }
  return join(words, ", ");
}

RunMachine machine(std::string_view json) {
  return {workflow_of(json), contexts()};
}

std::string finish(RunMachine& run, const char* job, Conclusion conclusion,
                   const Outputs& outputs = {}, int leg = 0) {
  return text(run.leg_finished({job, leg}, conclusion, outputs));
}

const auto ok = Conclusion::success;
const auto bad = Conclusion::failure;
const auto stopped = Conclusion::cancelled;

template <class T>
T first(const Effects& effects) {
  for (const Effect& effect : effects) {
    if (const T* found = std::get_if<T>(&effect)) return *found;
  }
  FAIL("no such effect in: " << text(effects));
  return {};
}

}  // namespace

TEST_CASE("run: jobs start when what they need is done, and the run ends with the last") {
  auto run = machine(R"j({"jobs":{"a":{},"b":{"needs":"a"},"c":{"needs":["a","B"]}}})j");
  CHECK(text(run.start()) == "create a");
  CHECK(finish(run, "a", ok) == "create b");
  CHECK(finish(run, "a", bad).empty());
  CHECK(finish(run, "nobody", ok).empty());
  CHECK(finish(run, "b", ok) == "create c");
  CHECK_FALSE(run.conclusion());
  CHECK(finish(run, "c", ok) == "done success");
  CHECK(run.conclusion() == ok);
}

TEST_CASE("run: job conditions look at all ancestors, not only at direct needs") {
  struct Row {
    const char *condition, *after_failure, *after_skip;
  };
  // a fails or is skipped; b always runs and succeeds; c needs b only.
  const Row rows[] = {
      {"", "skip c", "skip c"},
      {"true", "skip c", "skip c"},
      {"success()", "skip c", "skip c"},
      {"failure()", "create c", "skip c"},
      {"always()", "create c", "create c"},
      {"!cancelled()", "create c", "create c"},
      {"cancelled()", "skip c", "skip c"},
      {"success() || failure()", "create c", "skip c"},
      {"success('b')", "create c", "create c"},
      {"failure('b')", "skip c", "skip c"},
      {"always() && needs.b.result == 'success'", "create c", "create c"},
      {"always() && false", "skip c", "skip c"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.condition);
    const std::string jobs = std::string(R"j("b":{"needs":"a","if":"always()"},)j") +
                             R"j("c":{"needs":"b","if":")j" + row.condition + R"j("}}})j";
    auto failing = machine(R"j({"jobs":{"a":{},)j" + jobs);
    CHECK(text(failing.start()) == "create a");
    CHECK(finish(failing, "a", bad) == "create b");
    CHECK(finish(failing, "b", ok).starts_with(row.after_failure));
    auto skipping = machine(R"j({"jobs":{"a":{"if":"false"},)j" + jobs);
    CHECK(text(skipping.start()) == "skip a, create b");
    CHECK(finish(skipping, "b", ok).starts_with(row.after_skip));
  }
}

TEST_CASE("run: text around an expression makes a condition that is always true") {
  auto run = machine(
      R"j({"jobs":{"a":{"if":"${{ github.ref }} == 'x'"},"b":{"if":"github.ref == 'x'"}}})j");
  CHECK(text(run.start()) == "create a, skip b");
}

TEST_CASE("run: a skipped job says which condition and which values decided") {
  auto run = machine(
      R"j({"jobs":{"a":{},"b":{"needs":"a"},"c":{"if":"github.ref == 'refs/heads/x' && github.actor"}}})j");
  const auto c = first<SkipJob>(run.start());
  CHECK(c.condition == "success() && (github.ref == 'refs/heads/x' && github.actor)");
  CHECK(c.because == std::vector<std::string>{"github.ref is 'refs/heads/main'"});
  const auto b = first<SkipJob>(run.leg_finished({"a", 0}, bad, {}));
  CHECK(b.condition == "success()");
  CHECK(b.because == std::vector<std::string>{"'a' concluded failure"});
}

TEST_CASE("run: the condition is decided before the matrix, once for all legs") {
  auto run = machine(
      R"j({"jobs":{"a":{"if":"false","name":"T ${{ matrix.v }}","strategy":{"matrix":{"v":[1,2]}}}}})j");
  const Effects effects = run.start();
  CHECK(text(effects) == "skip a, done skipped");
  CHECK(first<SkipJob>(effects).name == "a");
}

TEST_CASE("run: legs carry name, matrix, strategy, labels, limits and concurrency") {
  auto run = machine(R"j({"jobs":{"test":{
      "strategy":{"fail-fast":false,"max-parallel":2,
                  "matrix":{"os":["linux","big"],"v":[1],"include":[{"os":"big","soft":true}]}},
      "runs-on":["self-hosted","${{ matrix.os }}"],
      "timeout-minutes":"${{ matrix.v }}",
      "continue-on-error":"${{ matrix.soft == true }}",
      "concurrency":{"group":"g-${{ matrix.os }}","cancel-in-progress":true}}}})j");
  const Effects effects = run.start();
  REQUIRE(effects.size() == 2);
  const auto& leg = std::get<CreateLeg>(effects[1]);
  CHECK(leg.name == "test (big, 1)");
  CHECK(expr::to_json(leg.matrix) == R"j({"os":"big","v":1,"soft":true})j");
  CHECK(expr::to_json(leg.strategy) ==
        R"j({"fail-fast":false,"job-index":1,"job-total":2,"max-parallel":2})j");
  CHECK(leg.labels == std::vector<std::string>{"self-hosted", "big"});
  CHECK(leg.max_parallel == 2);
  CHECK(leg.leg_total == 2);
  CHECK_FALSE(leg.fail_fast);
  CHECK(leg.continue_on_error);
  CHECK(leg.timeout == std::chrono::minutes(1));
  REQUIRE(leg.concurrency);
  CHECK(leg.concurrency->group == "g-big");
  CHECK(leg.concurrency->cancel_in_progress);
  CHECK_FALSE(std::get<CreateLeg>(effects[0]).continue_on_error);
}

TEST_CASE("run: names follow GitHub's three ways") {
  struct Row {
    const char *name, *shown;
  };
  for (const Row& row :
       {Row{"null", "a (x)"}, Row{R"j("Build")j", "Build (x)"},
        Row{R"j("On ${{ matrix.os }}")j", "On x"}, Row{R"j("${{ matrix.none }}")j", "a (x)"}}) {
    auto run = machine(R"j({"jobs":{"a":{"strategy":{"matrix":{"os":["x"]}},"name":)j" +
                       std::string(row.name) + "}}}");
    CHECK(first<CreateLeg>(run.start()).name == row.shown);
  }
}

TEST_CASE("run: runs-on may be text, a list with lists in it, or a group with labels") {
  struct Row {
    const char *runs_on, *labels, *group;
  };
  for (const Row& row :
       {Row{R"j("x")j", "x", ""}, Row{R"j(["a","${{ fromJSON('[\"b\",\"c\"]') }}"])j", "a b c", ""},
        Row{R"j("${{ fromJSON('[\"b\",\"c\"]') }}")j", "b c", ""},
        Row{R"j({"group":"g","labels":["x"]})j", "x", "g"}, Row{R"j({"group":"g"})j", "", "g"}}) {
    CAPTURE(row.runs_on);
    auto run = machine(R"j({"jobs":{"a":{"runs-on":)j" + std::string(row.runs_on) + "}}}");
    const auto leg = first<CreateLeg>(run.start());
    CHECK(join(leg.labels, " ") == row.labels);
    CHECK(leg.runner_group == row.group);
  }
}

TEST_CASE("run: a job that cannot be planned fails with its reason, the others go on") {
  struct Row {
    const char *job, *message;
  };
  const Row rows[] = {
      {R"j({"if":"fromJSON('x')"})j", "Error when evaluating 'if' for job 'a'. "},
      {R"j({"strategy":{"matrix":{"v":"${{ fromJSON('[]') }}"}}})j",
       "Error when evaluating 'strategy' for job 'a'. Matrix vector 'v' does not contain any "
       "values"},
      {R"j({"strategy":"${{ github.ref }}"})j",
       "Error when evaluating 'strategy' for job 'a'. Expected a mapping for strategy"},
      {R"j({"runs-on":"${{ github.none }}"})j",
       "Error when evaluating 'runs-on' for job 'a'. Unexpected value ''"},
      {R"j({"timeout-minutes":"${{ github.ref }}"})j",
       "Error when evaluating 'timeout-minutes' for job 'a'. Unexpected value 'refs/heads/main'"},
      {R"j({"continue-on-error":"${{ matrix.soft }}"})j",
       "Error when evaluating 'continue-on-error' for job 'a'. Unexpected value ''"},
      {R"j({"concurrency":"${{ github.none }}"})j",
       "Error when evaluating 'concurrency' for job 'a'. Concurrency group name must not be empty"},
      {R"j({"name":"${{ fromJSON('x') }}"})j", "Error when evaluating 'name' for job 'a'. "},
  };
  for (const Row& row : rows) {
    CAPTURE(row.job);
    auto run = machine(R"j({"jobs":{"a":)j" + std::string(row.job) +
                       R"j(,"b":{"needs":"a","if":"failure()"},"c":{}}})j");
    const Effects effects = run.start();
    CHECK(text(effects) == "fail a, create b, create c");
    const auto failed = first<FailJob>(effects);
    CHECK(failed.diagnostic.message.starts_with(row.message));
    CHECK(failed.diagnostic.position.line > 0);
    CHECK(finish(run, "b", ok).empty());
    CHECK(finish(run, "c", ok) == "done failure");
  }
}

TEST_CASE("run: the first leg to fail cancels the others, unless told not to or tolerated") {
  const std::string job = R"j("strategy":{"matrix":{"v":[1,2,3]}}}}})j";
  auto run = machine(R"j({"jobs":{"a":{)j" + job);
  CHECK(text(run.start()) == "create a, create a/1, create a/2");
  CHECK(finish(run, "a", ok, {}, 0).empty());
  const Effects effects = run.leg_finished({"a", 1}, bad, {});
  CHECK(text(effects) == "cancel a/2");
  CHECK(first<CancelLeg>(effects).reason ==
        "The strategy configuration was canceled because \"a (2)\" failed");
  CHECK(finish(run, "a", stopped, {}, 2) == "done failure");

  auto tolerant = machine(R"j({"jobs":{"b":{"needs":"a"},"a":{"continue-on-error":true,)j" + job);
  (void)tolerant.start();
  CHECK(finish(tolerant, "a", bad, {}, 1).empty());
  CHECK(finish(tolerant, "a", ok, {}, 0).empty());
  CHECK(finish(tolerant, "a", Conclusion::timed_out, {}, 2) == "create b");
  CHECK(tolerant.needs_context("b")["a"]["result"].string() == "success");
  CHECK(finish(tolerant, "b", ok) == "done success");

  auto slow = machine(R"j({"jobs":{"a":{"strategy":{"fail-fast":false,"matrix":{"v":[1,2]}}}}})j");
  (void)slow.start();
  CHECK(finish(slow, "a", bad, {}, 0).empty());
  CHECK(finish(slow, "a", ok, {}, 1) == "done failure");
}

TEST_CASE("run: of a matrix's outputs the last leg with a value wins") {
  auto run = machine(R"j({"jobs":{"a":{"strategy":{"matrix":{"v":[1,2,3]}}},
      "b":{"needs":"a","strategy":{"matrix":"${{ fromJSON(needs.a.outputs.m) }}"}}}})j");
  (void)run.start();
  CHECK(finish(run, "a", ok, {{"x", "two"}, {"m", R"j({"n":[7,8]})j"}}, 1).empty());
  CHECK(finish(run, "a", ok, {{"x", "one"}}, 0).empty());
  CHECK(finish(run, "a", ok, {{"x", ""}}, 2) == "create b, create b/1");
  CHECK(expr::to_json(run.needs_context("b")["a"]) ==
        R"j({"result":"success","outputs":{"x":"one","m":"{\"n\":[7,8]}"}})j");
  CHECK(run.needs_context("a").object().size() == 0);
}

TEST_CASE("run: cancelling stops what does not want to go on, and starts what waits for it") {
  auto run = machine(R"j({"jobs":{"a":{},"b":{"if":"always()"},"c":{"needs":"a"},
      "d":{"needs":["a"],"if":"cancelled()"},"e":{"needs":"a","if":"failure()"}}})j");
  CHECK(text(run.start()) == "create a, create b");
  const Effects effects = run.cancel("asked by octocat");
  CHECK(text(effects) == "cancel a");
  CHECK(first<CancelLeg>(effects).reason == "asked by octocat");
  CHECK(run.cancel("again").empty());
  CHECK(finish(run, "a", stopped) == "skip c, create d, skip e");
  CHECK(finish(run, "b", ok).empty());
  CHECK(finish(run, "d", ok) == "done cancelled");
}

TEST_CASE("run: the conclusion puts failure over cancelled over success") {
  struct Row {
    Conclusion a, b;
    const char* done;
  };
  for (const Row& row : {Row{ok, ok, "done success"}, Row{ok, bad, "done failure"},
                         Row{stopped, bad, "done failure"}, Row{ok, stopped, "done cancelled"},
                         Row{ok, Conclusion::skipped, "done success"},
                         Row{Conclusion::neutral, ok, "done success"}}) {
    auto run = machine(R"j({"jobs":{"a":{},"b":{}}})j");
    (void)run.start();
    (void)finish(run, "a", row.a);
    CHECK(finish(run, "b", row.b) == row.done);
  }
}

namespace {

// A run played to its end by a dice, that remembers rows as gantryd stores them.
class Player {
 public:
  Player(std::shared_ptr<const workflow::Workflow> workflow, unsigned seed)
      : workflow_(std::move(workflow)), random_(seed), run_(workflow_, contexts()) {}

  // Restarts after each step when `restarts`; the log of all effects.
  std::string play(bool restarts) {
    note(run_.start());
    for (int step = 0; step < 200 && !done_; ++step) {
      if (step == cancel_at_) {
        cancelled_ = true;
        note(run_.cancel("stop"));
      } else if (!open_.empty()) {
        const LegKey key = open_[random_() % open_.size()];
        end(key, static_cast<unsigned>(random_() % 5));
      }
      if (restarts && !done_) restart();
    }
    CHECK(done_);
    return log_;
  }
  void cancel_at(int step) { cancel_at_ = step; }

 private:
  void restart() {
    run_ = RunMachine(workflow_, contexts());
    std::vector<RecordedJob> rows = finished_;
    for (const auto& row : running_)
      rows.push_back(row);
    const auto reason = cancelled_ ? std::optional<std::string>("stop") : std::nullopt;
    const Effects again = run_.restore(rows, reason);
    for (const Effect& effect : again) {
      // Only cancellations may come again.
      CHECK(std::holds_alternative<CancelLeg>(effect));
    }
  }

  void end(const LegKey& key, unsigned dice) {
    const Conclusion conclusion = dice == 0 ? bad : dice == 1 ? stopped : ok;
    const Outputs outputs = {{"o", dice == 2 ? "" : key_text(key)}};
    std::erase(open_, key);
    for (auto row = running_.begin(); row != running_.end(); ++row) {
      if (row->key != key) continue;
      finished_.push_back(*row);
      finished_.back().conclusion = conclusion;
      finished_.back().outputs = outputs;
      running_.erase(row);
      break;
    }
    note(run_.leg_finished(key, conclusion, outputs));
  }

  void note(const Effects& effects) {
    log_ += text(effects) + "\n";
    for (const Effect& effect : effects) {
      if (const auto* create = std::get_if<CreateLeg>(&effect)) {
        open_.push_back(create->key);
        running_.push_back({.key = create->key,
                            .leg_total = create->leg_total,
                            .fail_fast = create->fail_fast,
                            .continue_on_error = create->continue_on_error,
                            .name = create->name});
      } else if (const auto* skip = std::get_if<SkipJob>(&effect)) {
        finished_.push_back({.key = skip->key, .conclusion = Conclusion::skipped});
      } else if (const auto* failed = std::get_if<FailJob>(&effect)) {
        finished_.push_back({.key = failed->key, .conclusion = bad});
      } else if (std::holds_alternative<CompleteRun>(effect)) {
        done_ = true;
      }
    }
  }

  std::shared_ptr<const workflow::Workflow> workflow_;
  std::mt19937 random_;
  RunMachine run_;
  std::vector<LegKey> open_;
  std::vector<RecordedJob> finished_, running_;
  std::string log_;
  int cancel_at_ = -1;
  bool cancelled_ = false, done_ = false;
};

}  // namespace

TEST_CASE("run: a machine restored after every step acts as one that lived through it") {
  const auto workflow = workflow_of(R"j({"jobs":{
      "a":{"strategy":{"matrix":{"v":[1,2,3]}}},
      "b":{"continue-on-error":true},
      "c":{"needs":"a"},
      "d":{"needs":["a","b"],"if":"always()","strategy":{"fail-fast":false,"matrix":{"v":[1,2]}}},
      "e":{"needs":["c"],"if":"failure()"},
      "f":{"needs":["d"],"if":"needs.d.outputs.o == 'd'"},
      "g":{"needs":"b","runs-on":"${{ needs.b.outputs.none }}"}}})j");
  for (unsigned seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    Player whole(workflow, seed), restarted(workflow, seed);
    if (seed % 3 == 0) {
      whole.cancel_at(static_cast<int>(seed % 7));
      restarted.cancel_at(static_cast<int>(seed % 7));
    }
    CHECK(whole.play(false) == restarted.play(true));
  }
}

TEST_CASE("run: after a restart a pending fail-fast is asked for again") {
  auto run = machine(R"j({"jobs":{"a":{"strategy":{"matrix":{"v":[1,2]}}}}})j");
  const std::vector<RecordedJob> rows = {
      {.key = {"a", 1}, .leg_total = 2, .conclusion = bad, .name = "a (2)"},
      {.key = {"a", 0}, .leg_total = 2}};
  CHECK(text(run.restore(rows, std::nullopt)) == "cancel a");
}

TEST_CASE("run: a rerun keeps what is done, runs the rest and what needs it") {
  const auto workflow = workflow_of(R"j({"jobs":{
      "a":{"strategy":{"fail-fast":false,"matrix":{"v":[1,2]}}},"b":{},"c":{"needs":"a"},
      "d":{"needs":"b"}}})j");
  const std::vector<RecordedJob> rows = {
      {.key = {"b", 0}, .conclusion = ok, .outputs = {{"o", "kept"}}},
      {.key = {"a", 0}, .leg_total = 2, .fail_fast = false, .conclusion = ok},
      {.key = {"a", 1}, .leg_total = 2, .fail_fast = false, .conclusion = bad},
      {.key = {"c", 0}, .conclusion = Conclusion::skipped},
      {.key = {"d", 0}, .conclusion = ok}};
  const auto play = [&](RerunScope scope, const LegKey& key) {
    RunMachine run(workflow, contexts());
    return text(run.restore(keep_for_rerun(*workflow, rows, scope, key), std::nullopt));
  };
  CHECK(play(RerunScope::all, {}) == "create a, create a/1, create b");
  CHECK(play(RerunScope::failed, {}) == "create a/1");
  CHECK(play(RerunScope::one_job, {"A", 0}) == "create a");
  CHECK(play(RerunScope::one_job, {"d", 0}) == "create d");
  RunMachine run(workflow, contexts());
  (void)run.restore(keep_for_rerun(*workflow, rows, RerunScope::failed), std::nullopt);
  CHECK(finish(run, "a", ok, {}, 1) == "create c");
  CHECK(run.needs_context("d")["b"]["outputs"]["o"].string() == "kept");
  CHECK(finish(run, "c", ok) == "done success");
}

TEST_CASE("run: a failed leg kept by a rerun does not cancel the one run again") {
  const auto workflow = workflow_of(R"j({"jobs":{"a":{"strategy":{"matrix":{"v":[1,2]}}}}})j");
  const std::vector<RecordedJob> rows = {{.key = {"a", 0}, .leg_total = 2, .conclusion = bad},
                                         {.key = {"a", 1}, .leg_total = 2, .conclusion = stopped}};
  RunMachine run(workflow, contexts());
  CHECK(text(run.restore(keep_for_rerun(*workflow, rows, RerunScope::one_job, {"a", 1}),
                         std::nullopt)) == "create a/1");
  CHECK(finish(run, "a", ok, {}, 1) == "done failure");
}

TEST_CASE("run: its name comes from run-name, the commit, the pull request or the workflow") {
  struct Row {
    const char *workflow, *github, *name;
  };
  const Row rows[] = {
      {R"j({"run-name":"Deploy ${{ github.ref }}"})j", R"j({"ref":"r"})j", "Deploy r"},
      {R"j({"run-name":"${{ github.none }}"})j", R"j({})j", "CI"},
      {"{}", R"j({"event_name":"push","event":{"head_commit":{"message":"fix\n\nbody"}}})j", "fix"},
      {"{}", R"j({"event_name":"push","event":{"head_commit":null}})j", "CI"},
      {"{}", R"j({"event_name":"pull_request","event":{"pull_request":{"title":"T"}}})j", "T"},
      {"{}", R"j({"event_name":"workflow_dispatch"})j", "CI"},
  };
  for (const Row& row : rows) {
    CHECK(run_name(*workflow_of(row.workflow), contexts(row.github)).name == row.name);
  }
  const auto broken =
      run_name(*workflow_of(R"j({"run-name":"${{ fromJSON('x') }}"})j"), contexts());
  CHECK(broken.name == "CI");
  REQUIRE(broken.diagnostic);
  CHECK(broken.diagnostic->message.starts_with("Error when evaluating 'run-name'. "));
}

TEST_CASE("run: its concurrency is evaluated, or the run cannot start") {
  const auto workflow = workflow_of(
      R"j({"concurrency":{"group":"ci-${{ github.ref }}","cancel-in-progress":"${{ github.ref != 'm' }}"}})j");
  const auto result = run_concurrency(*workflow, contexts(R"j({"ref":"x"})j"));
  REQUIRE(result.concurrency);
  CHECK(result.concurrency->group == "ci-x");
  CHECK(result.concurrency->cancel_in_progress);
  CHECK_FALSE(run_concurrency(*workflow_of("{}"), contexts()).concurrency);
  const auto empty = run_concurrency(*workflow_of(R"j({"concurrency":""})j"), contexts());
  CHECK_FALSE(empty.concurrency);
  REQUIRE(empty.diagnostic);
  CHECK(empty.diagnostic->message ==
        "Error when evaluating 'concurrency'. Concurrency group name must not be empty");
}
