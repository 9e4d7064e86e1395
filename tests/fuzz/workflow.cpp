// SPDX-License-Identifier: MIT
// Any text as a workflow and as an action: read, checked, linted, planned for a push.
#include "core/run/dry_run.hpp"
#include "core/workflow/lint.hpp"
#include "core/workflow/triggers.hpp"
#include "core/yaml/diagnostic.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace gantry::core;

workflow::Event push_event() {
  workflow::Event event;
  event.name = "push";
  set_ref(event, "refs/heads/main");
  event.sha = std::string(40, 'a');
  return event;
}

void plan(const std::shared_ptr<const workflow::Workflow>& parsed) {
  workflow::Changes changes;
  changes.files = {"src/a.c", "docs/b.md"};
  describe(decide_trigger(*parsed, push_event(), changes));
  run::RunContexts contexts;
  expr::Object github;
  github.set("ref", "refs/heads/main");
  contexts.github = std::move(github);
  run::dry_run(parsed, std::move(contexts));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = gantry::tests::text_of(data, size);
  const auto parsed = workflow::parse_workflow(".github/workflows/fuzz.yml", text);
  yaml::render_all(parsed.diagnostics, "fuzz.yml", text);
  const auto as_github = workflow::parse_as_github(".github/workflows/fuzz.yml", text);
  if (as_github.workflow) {
    workflow::lint(*as_github.workflow, text, {});
    plan(as_github.workflow);
  }
  const auto action = workflow::parse_action("action.yml", text);
  if (action.action) workflow::lint(*action.action, text, {});
  return 0;
}
