// SPDX-License-Identifier: MIT
#include "core/workflow/triggers.hpp"

#include <doctest.h>

using namespace gantry::core;
using namespace gantry::core::workflow;

namespace {

Filter filter(std::initializer_list<const char*> texts) {
  std::vector<Located<std::string>> list;
  int line = 10;
  for (const char* text : texts)
    list.push_back({text, {line++, 5}});
  return list;
}

Workflow with(EventTrigger trigger) {
  Workflow workflow;
  workflow.file = ".github/workflows/ci.yml";
  trigger.position = {2, 3};
  workflow.on.push_back(std::move(trigger));
  return workflow;
}

Event push(std::string ref) {
  Event event;
  event.name = "push";
  event.ref = std::move(ref);
  event.ref_name = split_ref(event.ref).name;
  event.ref_type = split_ref(event.ref).type;
  event.before = std::string(40, 'a');
  event.sha = event.head_sha = event.after = std::string(40, 'b');
  return event;
}

Event pull_request(std::string action, std::string base = "main") {
  Event event;
  event.name = "pull_request";
  event.action = std::move(action);
  event.ref = "refs/pull/7/merge";
  event.ref_name = "7/merge";
  event.pull_request = PullRequest{.number = 7,
                                   .head_ref = "topic",
                                   .head_sha = "h",
                                   .base_ref = std::move(base),
                                   .base_sha = "b"};
  return event;
}

std::string decide(const EventTrigger& trigger, const Event& event,
                   const std::optional<Changes>& changes = std::nullopt) {
  const auto decision = decide_trigger(with(trigger), event, changes);
  return (decision.starts ? "yes: " : "no: ") + describe(decision);
}

}  // namespace

TEST_CASE("triggers: a push starts what lists push, on any branch or tag without filters") {
  const EventTrigger plain{.event = "push"};
  CHECK(decide(plain, push("refs/heads/a/b")) == "yes: the event matches 'on'");
  CHECK(decide(plain, push("refs/tags/v1")) == "yes: the event matches 'on'");
  CHECK(decide(plain, pull_request("opened")) == "no: 'on' does not list 'pull_request'");
}

TEST_CASE("triggers: only branch filters keep tags out and the other way round") {
  const EventTrigger branches{.event = "push", .branches = filter({"**"})};
  CHECK(decide(branches, push("refs/heads/main")) == "yes: the event matches 'on'");
  CHECK(decide(branches, push("refs/tags/v1")) == "no: 'refs/tags/v1' is not for branches");
  const EventTrigger tags{.event = "push", .tags_ignore = filter({"x"})};
  CHECK(decide(tags, push("refs/heads/main")) == "no: 'refs/heads/main' is not for tags-ignore");
  CHECK(decide(tags, push("refs/tags/v1")) == "yes: the event matches 'on'");
  EventTrigger both = branches;
  both.tags = filter({"v*"});
  CHECK(decide(both, push("refs/tags/v1")) == "yes: the event matches 'on'");
  CHECK(decide(both, push("refs/tags/w1")) ==
        "no: 'w1' is not selected: no pattern of tags matches");
}

TEST_CASE("triggers: the deciding pattern is named with its place") {
  const EventTrigger trigger{.event = "push", .branches = filter({"**", "!dev"})};
  const auto decision = decide_trigger(with(trigger), push("refs/heads/dev"), std::nullopt);
  CHECK(decision.rule == TriggerRule::ref_not_selected);
  CHECK(decision.position == yaml::Position{11, 5});
  CHECK(describe(decision) == "'dev' is not selected: '!dev' of branches decides");
  const EventTrigger ignore{.event = "push", .branches_ignore = filter({"dev*"})};
  CHECK(decide(ignore, push("refs/heads/dev2")) ==
        "no: 'dev2' is not selected: 'dev*' of branches-ignore decides");
  CHECK(decide(ignore, push("refs/heads/main")) == "yes: the event matches 'on'");
}

TEST_CASE("triggers: a pull request is filtered by its base branch and by types") {
  const EventTrigger plain{.event = "pull_request"};
  for (const char* action : {"opened", "synchronize", "reopened"}) {
    CHECK(decide(plain, pull_request(action)) == "yes: the event matches 'on'");
  }
  CHECK(decide(plain, pull_request("labeled")) == "no: types does not list 'labeled'");
  CHECK(decide(plain, pull_request("closed")) == "no: types does not list 'closed'");
  const EventTrigger types{.event = "pull_request", .types = filter({"closed", "Labeled"})};
  CHECK(decide(types, pull_request("labeled")) == "yes: the event matches 'on'");
  CHECK(decide(types, pull_request("opened")) == "no: types does not list 'opened'");
  const EventTrigger base{.event = "pull_request", .branches = filter({"main"})};
  CHECK(decide(base, pull_request("opened")) == "yes: the event matches 'on'");
  CHECK(decide(base, pull_request("opened", "topic")) ==
        "no: 'topic' is not selected: no pattern of branches matches");
}

TEST_CASE("triggers: a deleted ref starts nothing") {
  Event event = push("refs/heads/old");
  event.deleted = true;
  CHECK(decide({.event = "push"}, event) == "no: 'refs/heads/old' was deleted");
}

TEST_CASE("triggers: skip texts stop push and pull_request, nothing else") {
  struct Row {
    const char *message, *found;
  };
  const Row rows[] = {
      {"fix [skip ci]", "[skip ci]"},
      {"[ci skip] fix\n\nbody", "[ci skip]"},
      {"fix\n\n[no ci]", "[no ci]"},
      {"[skip actions]", "[skip actions]"},
      {"[actions skip]", "[actions skip]"},
      {"fix\n\n\nskip-checks: true", "skip-checks: true"},
      {"fix\n\n\nskip-checks:true\n", "skip-checks:true"},
      {"fix\n\nbody\n\nSigned-off-by: a\nskip-checks: true", "skip-checks: true"},
      {"fix\nskip-checks: true", ""},
      {"fix\n\nskip-checks: true\nmore", ""},
      {"skip-checks: true", ""},
      {"skip ci", ""},
      {"", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.message);
    CHECK(find_skip_text(row.message) == row.found);
  }
  Event event = push("refs/heads/main");
  event.head_commit_message = "[skip ci]";
  CHECK(decide({.event = "push"}, event) == "no: the commit message has '[skip ci]'");
  event.name = "pull_request_target";
  CHECK(decide({.event = "pull_request_target"}, event) == "yes: the event matches 'on'");
}

TEST_CASE("triggers: paths run when a file is selected, and only branch and path together") {
  const EventTrigger trigger{
      .event = "push", .branches = filter({"main"}), .paths = filter({"src/**", "!src/doc/**"})};
  const Event event = push("refs/heads/main");
  CHECK(decide(trigger, event, Changes{{"README", "src/a.c"}}) ==
        "yes: changed file 'src/a.c' is selected: 'src/**' of paths decides");
  CHECK(decide(trigger, event, Changes{{"src/doc/x"}}) ==
        "no: no changed file is selected, as last 'src/doc/x': '!src/doc/**' of paths decides");
  CHECK(decide(trigger, event, Changes{{"README"}}) ==
        "no: no changed file is selected, as last 'README': no pattern of paths matches");
  CHECK(decide(trigger, event, Changes{}) == "no: no file changed, and there is paths");
  CHECK(decide(trigger, push("refs/heads/dev"), Changes{{"src/a.c"}}) ==
        "no: 'dev' is not selected: no pattern of branches matches");
}

TEST_CASE("triggers: paths-ignore skips only when every file is ignored") {
  const EventTrigger trigger{.event = "push", .paths_ignore = filter({"docs/**"})};
  const Event event = push("refs/heads/main");
  CHECK(decide(trigger, event, Changes{{"docs/a", "src/b"}}) ==
        "yes: changed file 'src/b' is selected: no pattern of paths-ignore matches");
  CHECK(decide(trigger, event, Changes{{"docs/a", "docs/b"}}) ==
        "no: no changed file is selected, as last 'docs/b': 'docs/**' of paths-ignore decides");
}

TEST_CASE("triggers: unknown files and too many commits run; only 300 files are looked at") {
  const EventTrigger trigger{.event = "push", .paths = filter({"x"})};
  const Event event = push("refs/heads/main");
  CHECK(decide(trigger, event) == "yes: the changed files cannot be listed, so it runs");
  CHECK(decide(trigger, event, Changes{.files = {"y"}, .commits = 1001}) ==
        "yes: more than 1,000 commits were pushed, so it runs");
  Changes changes;
  for (int i = 0; i < 300; ++i)
    changes.files.push_back("y" + std::to_string(i));
  changes.files.emplace_back("x");
  CHECK_FALSE(decide_trigger(with(trigger), event, changes).starts);
  std::swap(changes.files[299], changes.files[300]);
  CHECK(decide_trigger(with(trigger), event, changes).starts);
}

TEST_CASE("triggers: paths are not looked at for tags") {
  const EventTrigger trigger{.event = "push", .paths = filter({"x"})};
  CHECK(decide(trigger, push("refs/tags/v1"), Changes{}) == "yes: the event matches 'on'");
  CHECK_FALSE(needs_changed_files(with(trigger), push("refs/tags/v1")));
}

TEST_CASE("triggers: a diff is asked for only when a path filter is what is left to decide") {
  const EventTrigger trigger{
      .event = "push", .branches = filter({"main"}), .paths_ignore = filter({"x"})};
  CHECK_FALSE(needs_changed_files(with({.event = "push"}), push("refs/heads/main")));
  CHECK_FALSE(needs_changed_files(with(trigger), push("refs/heads/dev")));
  Event event = push("refs/heads/main");
  auto request = needs_changed_files(with(trigger), event);
  REQUIRE(request);
  CHECK(request->form == DiffForm::two_dot);
  CHECK(request->base == event.before);
  CHECK(request->head == event.sha);
  event.before = std::string(40, '0');
  request = needs_changed_files(with(trigger), event);
  REQUIRE(request);
  CHECK(request->form == DiffForm::new_ref);
  EventTrigger pull = trigger;
  pull.event = "pull_request";
  request = needs_changed_files(with(pull), pull_request("opened"));
  REQUIRE(request);
  CHECK(request->form == DiffForm::three_dot);
  CHECK(request->base == "b");
  CHECK(request->head == "h");
}

TEST_CASE("triggers: a dispatch starts the workflow it names") {
  Event event = push("refs/heads/main");
  event.name = "workflow_dispatch";
  event.workflow_file = ".github/workflows/ci.yml";
  CHECK(decide({.event = "workflow_dispatch"}, event) == "yes: the event matches 'on'");
  event.workflow_file = ".github/workflows/other.yml";
  CHECK(decide({.event = "workflow_dispatch"}, event) ==
        "no: the event asks for '.github/workflows/other.yml'");
}

TEST_CASE("triggers: a pattern that cannot be read starts nothing and says why") {
  const EventTrigger trigger{.event = "push", .branches = filter({"v["})};
  CHECK(decide(trigger, push("refs/heads/main")) ==
        "no: reading filter pattern 'v[': '[' has no closing ']'");
}
