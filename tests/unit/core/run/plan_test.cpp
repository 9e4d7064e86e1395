// SPDX-License-Identifier: MIT
#include "core/run/plan.hpp"

#include <doctest.h>

using namespace gantry::core;
using namespace gantry::core::run;
using workflow::Event;
using workflow::EventTrigger;

namespace {

WorkflowFile file(std::string name, EventTrigger trigger) {
  auto parsed = std::make_shared<workflow::Workflow>();
  parsed->file = ".github/workflows/" + name;
  parsed->on.push_back(std::move(trigger));
  return {parsed->file, {.workflow = parsed}};
}

WorkflowFile broken_file() {
  return {".github/workflows/bad.yml",
          {.diagnostics = {{.position = {3, 1}, .message = "Unexpected value 'x'"}}}};
}

Event push() {
  Event event;
  event.name = "push";
  event.ref = "refs/heads/main";
  event.ref_name = "main";
  event.before = std::string(40, 'a');
  event.sha = std::string(40, 'b');
  return event;
}

}  // namespace

TEST_CASE("plan: each file of a commit starts, does not, or is broken, with its reason") {
  const workflow::Filter paths = {{{"src/**", {4, 5}}}};
  const std::vector<WorkflowFile> files = {
      file("all.yml", {.event = "push"}), file("pr.yml", {.event = "pull_request"}),
      file("src.yml", {.event = "push", .paths = paths}), broken_file()};
  const auto plans = plan_event(push(), files, workflow::Changes{{"README"}});
  REQUIRE(plans.size() == 4);
  CHECK(plans[0].outcome == PlanOutcome::starts);
  CHECK(plans[0].reason == "the event matches 'on'");
  CHECK(plans[1].outcome == PlanOutcome::not_started);
  CHECK(plans[1].reason == "'on' does not list 'push'");
  CHECK(plans[2].outcome == PlanOutcome::not_started);
  CHECK(plans[3].outcome == PlanOutcome::broken);
  CHECK(plans[3].diagnostics.size() == 1);
  CHECK(needed_diff(push(), files)->form == workflow::DiffForm::two_dot);
  CHECK_FALSE(needed_diff(push(), {files[0], files[3]}));
}

TEST_CASE("plan: a pattern that cannot be read breaks the file at its line") {
  const workflow::Filter branches = {{{"v[", {4, 7}}}};
  const auto plans =
      plan_event(push(), {file("x.yml", {.event = "push", .branches = branches})}, std::nullopt);
  REQUIRE(plans.size() == 1);
  CHECK(plans[0].outcome == PlanOutcome::broken);
  REQUIRE(plans[0].diagnostics.size() == 1);
  CHECK(plans[0].diagnostics[0].position == yaml::Position{4, 7});
}

TEST_CASE("plan: a broken file is told at a branch's push and at a fork's pull request only") {
  const auto outcome = [](const Event& event) {
    return plan_event(event, {broken_file()}, std::nullopt).at(0).outcome;
  };
  Event event = push();
  CHECK(outcome(event) == PlanOutcome::broken);
  event.ref_type = workflow::RefType::tag;
  CHECK(outcome(event) == PlanOutcome::not_started);
  event = push();
  event.deleted = true;
  CHECK(outcome(event) == PlanOutcome::not_started);
  event = push();
  event.name = "pull_request";
  event.action = "opened";
  event.pull_request = workflow::PullRequest{.from_fork = false};
  CHECK(outcome(event) == PlanOutcome::not_started);
  event.pull_request->from_fork = true;
  CHECK(outcome(event) == PlanOutcome::broken);
  event.action = "closed";
  CHECK(outcome(event) == PlanOutcome::not_started);
}
