// SPDX-License-Identifier: MIT
// Every published payload through the whole decision: which events of `on` it stands for, at which
// ref and commit each runs, whether a workflow that lists every event starts, and its context.
#include "core/base/files.hpp"
#include "core/run/plan.hpp"
#include "core/workflow/github_context.hpp"
#include "proto/github_events.hpp"
#include "tests/support/published_payloads.hpp"

#include <doctest.h>

#include <filesystem>
#include <map>

using namespace gantry;
using core::workflow::Event;
namespace fs = std::filesystem;

namespace {

// Of an event's own type and all its activities, where a file can name them.
const char* const kEverything = R"(name: everything
on:
  push: {branches: ['**'], tags: ['**']}
  pull_request:
    types: [opened, synchronize, reopened, closed, labeled, ready_for_review]
  pull_request_target:
  workflow_dispatch:
  create:
  delete:
  release:
  merge_group:
  issue_comment:
  repository_dispatch: {types: [on-demand-test]}
  check_run:
  check_suite:
  status:
  workflow_run: {workflows: [test]}
jobs:
  one: {runs-on: ubuntu-latest, steps: [{run: 'true'}]}
)";

// "event @ ref from source: outcome", one for each event the delivery stands for.
std::string decision_of(const std::string& event, const fs::path& file) {
  const auto parsed = proto::parse_delivery(event, core::read_file(file));
  REQUIRE_MESSAGE(parsed, (parsed ? "" : parsed.error().message));
  if (const auto* ignored = std::get_if<proto::Ignored>(&parsed->content)) return ignored->reason;
  const auto* first = std::get_if<Event>(&parsed->content);
  if (first == nullptr) return "a request";
  const core::run::WorkflowFile workflow{
      ".github/workflows/hello-world-workflow.yml",
      core::workflow::parse_workflow(".github/workflows/hello-world-workflow.yml", kEverything)};
  REQUIRE(workflow.parsed.workflow);
  std::string text;
  for (Event each : core::workflow::events_of(*first)) {
    const std::string source = !each.rev.empty()           ? "tip of " + each.rev
                               : each.sha.empty()          ? "merge"
                               : each.sha == each.head_sha ? "sha"
                                                           : "merged";
    if (each.sha.empty()) each.sha = std::string(40, 'e');
    const auto plans = core::run::plan_event(each, {workflow}, std::nullopt);
    REQUIRE(plans.size() == 1);
    const bool starts = plans[0].outcome == core::run::PlanOutcome::starts;
    const auto github = core::workflow::github_context(each, {.workflow_file = workflow.file});
    CHECK(github["event_name"].to_string() == each.name);
    CHECK(github["ref"].to_string() == each.ref);
    CHECK(github["sha"].to_string() == each.sha);
    CHECK(github["event"]["repository"]["full_name"].to_string() == each.repository.full_name);
    text += (text.empty() ? "" : "; ") + each.name + " @ " + each.ref + " from " + source + ": " +
            (starts ? "starts" : plans[0].reason);
  }
  return text;
}

struct Row {
  const char *event, *file, *decision;
};

}  // namespace

TEST_CASE("github triggers: every published payload leads to GitHub's ref, commit and decision") {
  const fs::path folder = test::published_payloads();
  if (folder.empty()) {
    MESSAGE("skipped: no webhook payloads beside the source tree");
    return;
  }
  const Row rows[] = {
      {"check_run", "check_run_completed.json",
       "check_run @ refs/heads/master from tip of refs/heads/master: starts"},
      {"check_run", "check_run_created.json",
       "check_run @ refs/heads/master from tip of refs/heads/master: starts"},
      {"check_run", "check_run_requested_action.json", "a request"},
      {"check_run", "check_run_rerequested.json", "a request"},
      {"check_suite", "check_suite_completed.json",
       "check_suite @ refs/heads/master from tip of refs/heads/master: starts"},
      {"check_suite", "check_suite_requested.json",
       "runs start with the push and pull_request events"},
      {"check_suite", "check_suite_rerequested.json", "a request"},
      {"create", "create_tag.json",
       "create @ refs/tags/simple-tag from tip of refs/tags/simple-tag: starts"},
      {"delete", "delete_tag.json",
       "delete @ refs/heads/master from tip of refs/heads/master: starts"},
      {"github_app_authorization", "github_app_authorization_revoked.json",
       "event 'github_app_authorization' starts no workflow"},
      {"installation", "installation_created.json", "a request"},
      {"installation", "installation_deleted.json", "a request"},
      {"installation", "installation_new_permissions_accepted.json", "a request"},
      {"installation_repositories", "installation_repositories_added.json", "a request"},
      {"installation_repositories", "installation_repositories_removed.json", "a request"},
      {"installation", "installation_suspend.json", "a request"},
      {"installation", "installation_unsuspend.json", "a request"},
      {"issue_comment", "issue_comment_created.json",
       "issue_comment @ refs/heads/master from tip of refs/heads/master: starts"},
      {"merge_group", "merge_group_checks_requested.json",
       "merge_group @ "
       "refs/heads/gh-readonly-queue/main/pr-104-929f8209d40f77f4abc622a499c93a83babdbe64 from "
       "sha: starts"},
      {"ping", "ping.json", "a request"},
      {"ping", "ping_org.json", "a request"},
      {"pull_request", "pull_request_closed_unmerged.json",
       "pull_request @ refs/pull/2/merge from merge: starts; "
       "pull_request_target @ refs/heads/master from tip of refs/heads/master: types does not list "
       "'closed'"},
      {"pull_request", "pull_request_labeled.json",
       "pull_request @ refs/pull/2/merge from merge: starts; "
       "pull_request_target @ refs/heads/master from tip of refs/heads/master: types does not list "
       "'labeled'"},
      {"pull_request", "pull_request_opened.json",
       "pull_request @ refs/pull/2/merge from merge: starts; "
       "pull_request_target @ refs/heads/master from tip of refs/heads/master: starts"},
      {"pull_request", "pull_request_ready_for_review.json",
       "pull_request @ refs/pull/2/merge from merge: starts; "
       "pull_request_target @ refs/heads/master from tip of refs/heads/master: types does not list "
       "'ready_for_review'"},
      {"pull_request", "pull_request_reopened.json",
       "pull_request @ refs/pull/2/merge from merge: starts; "
       "pull_request_target @ refs/heads/master from tip of refs/heads/master: starts"},
      {"pull_request", "pull_request_synchronize.json",
       "pull_request @ refs/pull/2/merge from merge: starts; "
       "pull_request_target @ refs/heads/master from tip of refs/heads/master: starts"},
      {"push", "push_branch_created.json", "push @ refs/heads/master from sha: starts"},
      {"push", "push_tag_created.json", "push @ refs/tags/simple-tag from sha: starts"},
      {"push", "push_tag_deleted.json",
       "push @ refs/tags/simple-tag from sha: 'refs/tags/simple-tag' was deleted"},
      {"release", "release_created.json",
       "release @ refs/tags/0.0.1 from tip of refs/tags/0.0.1: starts"},
      {"release", "release_published.json",
       "release @ refs/tags/0.0.1 from tip of refs/tags/0.0.1: starts"},
      {"repository_dispatch", "repository_dispatch.json",
       "repository_dispatch @ refs/heads/master from tip of refs/heads/master: starts"},
      {"status", "status.json", "status @ refs/heads/master from tip of refs/heads/master: starts"},
      {"workflow_dispatch", "workflow_dispatch.json",
       "workflow_dispatch @ refs/heads/master from tip of refs/heads/master: starts"},
      {"workflow_job", "workflow_job_completed.json", "event 'workflow_job' starts no workflow"},
      {"workflow_job", "workflow_job_queued.json", "event 'workflow_job' starts no workflow"},
      {"workflow_run", "workflow_run_completed.json",
       "workflow_run @ refs/heads/master from tip of refs/heads/master: starts"},
      {"check_suite", "derived/check_suite_requested_from_fork.json",
       "runs start with the push and pull_request events"},
      {"create", "derived/create_branch.json",
       "create @ refs/heads/topic/x from tip of refs/heads/topic/x: starts"},
      {"delete", "derived/delete_branch.json",
       "delete @ refs/heads/master from tip of refs/heads/master: starts"},
      {"issue_comment", "derived/issue_comment_on_pull_request.json",
       "issue_comment @ refs/heads/master from tip of refs/heads/master: starts"},
      {"pull_request", "derived/pull_request_closed_merged.json",
       "pull_request @ refs/heads/master from merged: starts; "
       "pull_request_target @ refs/heads/master from tip of refs/heads/master: types does not list "
       "'closed'"},
      {"pull_request", "derived/pull_request_fork_deleted.json",
       "pull_request @ refs/pull/2/merge from merge: starts; "
       "pull_request_target @ refs/heads/master from tip of refs/heads/master: starts"},
      {"pull_request", "derived/pull_request_opened_from_fork.json",
       "pull_request @ refs/pull/2/merge from merge: starts; "
       "pull_request_target @ refs/heads/master from tip of refs/heads/master: starts"},
      {"pull_request", "derived/pull_request_synchronize_from_fork.json",
       "pull_request @ refs/pull/2/merge from merge: starts; "
       "pull_request_target @ refs/heads/master from tip of refs/heads/master: starts"},
      {"push", "derived/push_branch.json", "push @ refs/heads/master from sha: starts"},
      {"push", "derived/push_branch_deleted.json",
       "push @ refs/heads/topic/x from sha: 'refs/heads/topic/x' was deleted"},
      {"push", "derived/push_branch_forced.json", "push @ refs/heads/master from sha: starts"},
      {"push", "derived/push_new_branch_at_old_commit.json",
       "push @ refs/heads/release/1.0 from sha: starts"},
      {"push", "derived/push_skip_ci.json",
       "push @ refs/heads/master from sha: the commit message has '[skip ci]'"},
  };
  std::map<std::string, int> seen;
  for (const Row& row : rows) {
    CAPTURE(row.file);
    ++seen[row.file];
    CHECK(decision_of(row.event, folder / row.file) == row.decision);
  }
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string name = fs::relative(entry.path(), folder).string();
    if (entry.path().extension() != ".json" || name == "index.json") continue;
    CHECK_MESSAGE(seen[name] == 1, name);
  }
}
