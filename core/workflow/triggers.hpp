// SPDX-License-Identifier: MIT
// Does an event start a workflow, and why (not). The answer names what decided, for the log,
// the run page and `gantry explain`.
#pragma once

#include "core/workflow/event.hpp"
#include "core/workflow/workflow.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::core::workflow {

// What decided. The first group starts the workflow, the second does not.
enum class TriggerRule {
  matched,           // every filter there is passed
  files_unknown,     // passed but for the files, which could not be listed: it runs
  too_many_commits,  // as above: more than 1,000 commits
  event_not_listed,
  other_workflow,  // workflow_dispatch of another file
  type_not_listed,
  workflow_not_listed,  // workflow_run of a workflow that is not named
  cron_not_listed,      // the schedule was changed meanwhile
  ref_deleted,
  skip_text,  // "[skip ci]" and its like in the head commit's message
  ref_kind,   // a tag with only branch filters, or the other way round
  ref_not_selected,
  no_file_selected,
  bad_pattern,
};

struct TriggerDecision {
  bool starts = false;
  TriggerRule rule = TriggerRule::matched;
  std::string filter;   // key that decided: branches-ignore, paths, types, …; may be empty
  std::string pattern;  // the pattern that decided; empty when none matched
  std::string subject;  // what was looked at: a ref name, a file, a type, a skip text
  yaml::Position position;
};

// One sentence: "branch 'dev' is excluded by '!dev' of branches".
std::string describe(const TriggerDecision& decision);
std::string_view to_string(TriggerRule rule);

struct Changes {
  std::vector<std::string> files;  // in git's order; only the first 300 count
  std::size_t commits = 0;         // of the push or pull request
};

// `changes` without a value: unknown, or too many to list.
TriggerDecision decide_trigger(const Workflow& workflow, const Event& event,
                               const std::optional<Changes>& changes);

enum class DiffForm {
  two_dot,    // base..head
  three_dot,  // merge base of base and head..head
  new_ref,    // parent of the oldest commit that no other ref has..head
};
struct DiffRequest {
  DiffForm form = DiffForm::two_dot;
  std::string base;  // empty for new_ref
  std::string head;
};
// What to diff before decide_trigger(), when everything but a path filter passes already.
std::optional<DiffRequest> needs_changed_files(const Workflow& workflow, const Event& event);

// The text in a commit message that asks to skip CI, or "".
std::string_view find_skip_text(std::string_view commit_message);

}  // namespace gantry::core::workflow
