// SPDX-License-Identifier: MIT
#include "core/workflow/dispatch.hpp"

#include "core/workflow/github_context.hpp"

#include <doctest.h>

using namespace gantry::core;
using namespace gantry::core::workflow;

namespace {

Token text(std::string value) {
  Token token;
  token.kind = TokenKind::string;
  token.text = std::move(value);
  return token;
}

EventTrigger trigger() {
  EventTrigger trigger{.event = "workflow_dispatch"};
  trigger.inputs.push_back({.name = "tag", .required = true});
  trigger.inputs.push_back({.name = "level",
                            .type = "choice",
                            .default_value = text("info"),
                            .options = {"info", "debug"}});
  trigger.inputs.push_back({.name = "dry-run", .type = "boolean"});
  trigger.inputs.push_back({.name = "count", .type = "number", .default_value = text("3")});
  return trigger;
}

Result<DispatchInputs> check(std::string_view json) {
  const auto given = expr::parse_json(json);
  REQUIRE(given);
  return check_inputs(trigger(), *given);
}

}  // namespace

TEST_CASE("dispatch: inputs are typed in `inputs` and text in github.event.inputs") {
  const auto inputs = check(R"({"TAG":"v1","dry-run":"true"})");
  REQUIRE(inputs);
  CHECK(expr::to_json(inputs->typed) == R"({"tag":"v1","level":"info","dry-run":true,"count":3})");
  CHECK(expr::to_json(inputs->strings) ==
        R"({"tag":"v1","level":"info","dry-run":"true","count":"3"})");
  const auto typed = check(R"({"tag":"v1","dry-run":false,"count":0.5,"level":"debug"})");
  REQUIRE(typed);
  CHECK(expr::to_json(typed->strings) ==
        R"({"tag":"v1","level":"debug","dry-run":"false","count":"0.5"})");
}

TEST_CASE("dispatch: every input at fault is named") {
  struct Row {
    const char *given, *message;
  };
  const Row rows[] = {
      {"{}", "Required input 'tag' not provided"},
      {"null", "Required input 'tag' not provided"},
      {R"({"tag":"","x":1,"y":2})",
       "Unexpected inputs provided: [\"x\", \"y\"]; Required input 'tag' not provided"},
      {R"({"tag":"v","level":"loud"})",
       "Provided value 'loud' for input 'level' not in the list of allowed values: info, debug"},
      {R"({"tag":"v","dry-run":"yes","count":"many"})",
       "Provided value 'yes' for input 'dry-run' not a boolean; "
       "Provided value 'many' for input 'count' not a number"},
      {R"({"tag":["v"]})", "Provided value for input 'tag' must be a string"},
      {R"("text")", "reading inputs: they must be an object of names and values"},
  };
  for (const Row& row : rows) {
    const auto inputs = check(row.given);
    REQUIRE_FALSE(inputs);
    CHECK(inputs.error().message == row.message);
  }
  const auto large = check(R"({"tag":")" + std::string(70000, 'x') + R"("})");
  REQUIRE_FALSE(large);
  CHECK(large.error().code == Errc::too_large);
}

TEST_CASE("dispatch: the event names its one workflow and a full ref") {
  const Repository repository{.id = 5, .full_name = "o/r", .owner = "o", .name = "r"};
  Workflow workflow;
  workflow.file = ".github/workflows/ci.yml";
  const auto inputs = check(R"({"tag":"v1"})");
  REQUIRE(inputs);
  const Event event = dispatch_event(repository, {"octocat", 9}, "main", "abc", workflow, *inputs);
  CHECK(event.ref == "refs/heads/main");
  CHECK(event.ref_name == "main");
  CHECK(event.workflow_file == workflow.file);
  CHECK(event.payload["inputs"]["tag"].string() == "v1");
  CHECK(event.payload["repository"]["full_name"].string() == "o/r");
  CHECK(dispatch_event(repository, {}, "refs/tags/v1", "abc", workflow, *inputs).ref_type ==
        RefType::tag);
}

TEST_CASE("github context: everything but event and ref_protected is text") {
  Event event;
  event.name = "pull_request";
  event.ref = "refs/pull/7/merge";
  event.ref_name = "7/merge";
  event.sha = "abc";
  event.sender = {"octocat", 9};
  event.repository = {.id = 5, .full_name = "o/r", .owner = "o", .name = "r", .owner_id = 6};
  event.pull_request = PullRequest{.head_ref = "topic", .base_ref = "main", .from_fork = true};
  event.payload = expr::Object();
  const expr::Value github = github_context(event, {.run_id = 11,
                                                    .run_number = 3,
                                                    .run_attempt = 2,
                                                    .workflow_name = "CI",
                                                    .workflow_file = ".github/workflows/ci.yml",
                                                    .triggering_actor = {"hubot", 1}});
  for (const auto& [key, value] : github.object().entries()) {
    CAPTURE(key);
    if (key == "event") {
      CHECK(value.kind() == expr::Kind::object);
    } else if (key == "ref_protected") {
      CHECK(value.kind() == expr::Kind::boolean);
    } else {
      CHECK(value.kind() == expr::Kind::string);
    }
  }
  CHECK(github["run_id"].string() == "11");
  CHECK(github["ref_type"].string() == "branch");
  CHECK(github["head_ref"].string() == "topic");
  CHECK(github["actor"].string() == "octocat");
  CHECK(github["triggering_actor"].string() == "hubot");
  CHECK(github["secret_source"].string() == "None");
  CHECK(github["repositoryUrl"].string() == "git://github.com/o/r.git");
  CHECK(github["workflow_ref"].string() == "o/r/.github/workflows/ci.yml@refs/pull/7/merge");
  CHECK(github["workflow_sha"].string() == "abc");
}
