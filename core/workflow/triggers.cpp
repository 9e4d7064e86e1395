// SPDX-License-Identifier: MIT
#include "core/workflow/triggers.hpp"

#include "core/base/text.hpp"
#include "core/workflow/glob.hpp"

#include <algorithm>
#include <array>

namespace gantry::core::workflow {
namespace {

constexpr std::size_t kMaxFiles = 300;
constexpr std::size_t kMaxCommits = 1000;

bool is_pull_request(const Event& event) {
  return event.name == "pull_request" || event.name == "pull_request_target";
}

bool filters_paths(const EventTrigger& trigger, const Event& event) {
  // Paths are not looked at for tags.
  if (event.name == "push" && event.ref_type == RefType::tag) return false;
  return trigger.paths.has_value() || trigger.paths_ignore.has_value();
}

TriggerDecision no(TriggerRule rule, std::string filter, std::string subject,
                   yaml::Position position) {
  return {.rule = rule,
          .filter = std::move(filter),
          .subject = std::move(subject),
          .position = position};
}

// nullopt: this filter lets the event pass.
using Refusal = std::optional<TriggerDecision>;

Refusal check_types(const EventTrigger& trigger, const Event& event) {
  if (event.action.empty()) return std::nullopt;
  if (!trigger.types) {
    // The one event family with a default narrower than "all types".
    constexpr std::array<std::string_view, 3> usual = {"opened", "synchronize", "reopened"};
    const bool listed = std::find(usual.begin(), usual.end(), event.action) != usual.end();
    if (!is_pull_request(event) || listed) return std::nullopt;
    return no(TriggerRule::type_not_listed, "types", event.action, trigger.position);
  }
  for (const auto& type : *trigger.types) {
    if (equals_ignoring_case(type.value, event.action)) return std::nullopt;
  }
  return no(TriggerRule::type_not_listed, "types", event.action, trigger.position);
}

struct NamedFilter {
  const Filter& filter;
  std::string_view name;
};

TriggerDecision bad_pattern(const NamedFilter& named, const Error& error,
                            const EventTrigger& trigger) {
  return no(TriggerRule::bad_pattern, std::string(named.name), error.message, trigger.position);
}

Refusal check_name(const NamedFilter& select, const NamedFilter& ignore, std::string_view name,
                   const EventTrigger& trigger) {
  const NamedFilter& used = select.filter ? select : ignore;
  if (!used.filter) return std::nullopt;
  const auto patterns = PatternList::compile(*used.filter);
  if (!patterns) return bad_pattern(used, patterns.error(), trigger);
  const FilterMatch match = patterns->match(name);
  if (match.selected == select.filter.has_value()) return std::nullopt;
  auto refusal = no(TriggerRule::ref_not_selected, std::string(used.name), std::string(name),
                    trigger.position);
  if (match.decided_by) {
    const auto& pattern = (*used.filter)[*match.decided_by];
    refusal.pattern = pattern.value;
    refusal.position = pattern.position;
  }
  return refusal;
}

Refusal check_ref(const EventTrigger& trigger, const Event& event) {
  const NamedFilter branches{trigger.branches, "branches"};
  const NamedFilter branches_ignore{trigger.branches_ignore, "branches-ignore"};
  if (is_pull_request(event)) {
    const std::string base = event.pull_request ? event.pull_request->base_ref : "";
    return check_name(branches, branches_ignore, base, trigger);
  }
  if (event.name == "workflow_run" || event.name == "merge_group") {
    return check_name(branches, branches_ignore, event.run_branch, trigger);
  }
  if (event.name != "push") return std::nullopt;
  const NamedFilter tags{trigger.tags, "tags"}, tags_ignore{trigger.tags_ignore, "tags-ignore"};
  const bool for_branches = trigger.branches || trigger.branches_ignore;
  const bool for_tags = trigger.tags || trigger.tags_ignore;
  if (event.ref_type == RefType::tag) {
    if (for_tags) return check_name(tags, tags_ignore, event.ref_name, trigger);
    if (!for_branches) return std::nullopt;
    return no(TriggerRule::ref_kind,
              std::string((branches.filter ? branches : branches_ignore).name), event.ref,
              trigger.position);
  }
  if (for_branches) return check_name(branches, branches_ignore, event.ref_name, trigger);
  if (!for_tags) return std::nullopt;
  return no(TriggerRule::ref_kind, std::string((tags.filter ? tags : tags_ignore).name), event.ref,
            trigger.position);
}

Refusal check_skip_text(const EventTrigger& trigger, const Event& event) {
  if (event.name != "push" && event.name != "pull_request") return std::nullopt;
  const std::string_view text = find_skip_text(event.head_commit_message);
  if (text.empty()) return std::nullopt;
  return no(TriggerRule::skip_text, "", std::string(text), trigger.position);
}

// Names, not patterns; "workflow_run" without names follows no workflow.
Refusal check_run_workflow(const EventTrigger& trigger, const Event& event) {
  if (event.name != "workflow_run") return std::nullopt;
  const auto is_named = [&](const Located<std::string>& name) {
    return name.value == event.run_workflow;
  };
  const auto& names = trigger.workflows;
  if (names && std::any_of(names->begin(), names->end(), is_named)) return std::nullopt;
  return no(TriggerRule::workflow_not_listed, "workflows", event.run_workflow, trigger.position);
}

Refusal check_cron(const EventTrigger& trigger, const Event& event) {
  if (event.name != "schedule") return std::nullopt;
  const auto is_due = [&](const Located<std::string>& cron) { return cron.value == event.cron; };
  if (std::any_of(trigger.crons.begin(), trigger.crons.end(), is_due)) return std::nullopt;
  return no(TriggerRule::cron_not_listed, "cron", event.cron, trigger.position);
}

const EventTrigger* trigger_of(const Workflow& workflow, const Event& event) {
  for (const EventTrigger& trigger : workflow.on) {
    if (trigger.event == event.name) return &trigger;
  }
  return nullptr;
}

Refusal check_all_but_paths(const Workflow& workflow, const Event& event) {
  const EventTrigger* trigger = trigger_of(workflow, event);
  if (trigger == nullptr) return no(TriggerRule::event_not_listed, "on", event.name, {});
  if (!event.workflow_file.empty() && event.workflow_file != workflow.file) {
    return no(TriggerRule::other_workflow, "", event.workflow_file, trigger->position);
  }
  if (event.deleted) return no(TriggerRule::ref_deleted, "", event.ref, trigger->position);
  if (auto refusal = check_types(*trigger, event)) return refusal;
  if (auto refusal = check_cron(*trigger, event)) return refusal;
  if (auto refusal = check_run_workflow(*trigger, event)) return refusal;
  if (auto refusal = check_ref(*trigger, event)) return refusal;
  return check_skip_text(*trigger, event);
}

TriggerDecision decide_paths(const EventTrigger& trigger, const Changes& changes) {
  const bool selecting = trigger.paths.has_value();
  const NamedFilter used{selecting ? trigger.paths : trigger.paths_ignore,
                         selecting ? "paths" : "paths-ignore"};
  const auto patterns = PatternList::compile(*used.filter);
  if (!patterns) return bad_pattern(used, patterns.error(), trigger);
  auto decision = no(TriggerRule::no_file_selected, std::string(used.name), "", trigger.position);
  const std::size_t count = std::min(changes.files.size(), kMaxFiles);
  for (std::size_t i = 0; i < count; ++i) {
    const FilterMatch match = patterns->match(changes.files[i]);
    decision.subject = changes.files[i];
    decision.pattern = match.decided_by ? (*used.filter)[*match.decided_by].value : "";
    if (match.decided_by) decision.position = (*used.filter)[*match.decided_by].position;
    if (match.selected != selecting) continue;
    decision.starts = true;
    decision.rule = TriggerRule::matched;
    return decision;
  }
  return decision;
}

}  // namespace

std::string_view find_skip_text(std::string_view commit_message) {
  constexpr std::array<std::string_view, 5> texts = {"[skip ci]", "[ci skip]", "[no ci]",
                                                     "[skip actions]", "[actions skip]"};
  for (const std::string_view text : texts) {
    if (commit_message.find(text) != std::string_view::npos) return text;
  }
  // A trailer: the last line, in a paragraph after the subject.
  const std::string_view message = trim(commit_message);
  const std::size_t last_break = message.rfind('\n');
  if (last_break == std::string_view::npos || message.find("\n\n") == std::string_view::npos) {
    return "";
  }
  const std::string_view last = trim(message.substr(last_break));
  return last == "skip-checks:true" || last == "skip-checks: true" ? last : "";
}

TriggerDecision decide_trigger(const Workflow& workflow, const Event& event,
                               const std::optional<Changes>& changes) {
  if (auto refusal = check_all_but_paths(workflow, event)) return *std::move(refusal);
  const EventTrigger& trigger = *trigger_of(workflow, event);
  TriggerDecision yes{.starts = true, .position = trigger.position};
  if (!filters_paths(trigger, event)) return yes;
  if (!changes) {
    yes.rule = TriggerRule::files_unknown;
    return yes;
  }
  if (changes->commits > kMaxCommits) {
    yes.rule = TriggerRule::too_many_commits;
    return yes;
  }
  return decide_paths(trigger, *changes);
}

std::optional<DiffRequest> needs_changed_files(const Workflow& workflow, const Event& event) {
  if (check_all_but_paths(workflow, event)) return std::nullopt;
  if (!filters_paths(*trigger_of(workflow, event), event)) return std::nullopt;
  if (is_pull_request(event)) {
    return DiffRequest{DiffForm::three_dot, event.pull_request->base_sha,
                       event.pull_request->head_sha};
  }
  if (event.created || is_zero_sha(event.before) || event.before.empty()) {
    return DiffRequest{DiffForm::new_ref, "", event.sha};
  }
  return DiffRequest{DiffForm::two_dot, event.before, event.sha};
}

std::string_view to_string(TriggerRule rule) {
  switch (rule) {
    case TriggerRule::matched:
      return "matched";
    case TriggerRule::files_unknown:
      return "files_unknown";
    case TriggerRule::too_many_commits:
      return "too_many_commits";
    case TriggerRule::event_not_listed:
      return "event_not_listed";
    case TriggerRule::other_workflow:
      return "other_workflow";
    case TriggerRule::type_not_listed:
      return "type_not_listed";
    case TriggerRule::workflow_not_listed:
      return "workflow_not_listed";
    case TriggerRule::cron_not_listed:
      return "cron_not_listed";
    case TriggerRule::ref_deleted:
      return "ref_deleted";
    case TriggerRule::skip_text:
      return "skip_text";
    case TriggerRule::ref_kind:
      return "ref_kind";
    case TriggerRule::ref_not_selected:
      return "ref_not_selected";
    case TriggerRule::no_file_selected:
      return "no_file_selected";
    case TriggerRule::bad_pattern:
      return "bad_pattern";
  }
  return "";
}

std::string describe(const TriggerDecision& d) {
  const std::string by = d.pattern.empty() ? "no pattern of " + d.filter + " matches"
                                           : "'" + d.pattern + "' of " + d.filter + " decides";
  switch (d.rule) {
    case TriggerRule::matched:
      if (d.filter.empty()) return "the event matches 'on'";
      return "changed file '" + d.subject + "' is selected: " + by;
    case TriggerRule::files_unknown:
      return "the changed files cannot be listed, so it runs";
    case TriggerRule::too_many_commits:
      return "more than 1,000 commits were pushed, so it runs";
    case TriggerRule::event_not_listed:
      return "'on' does not list '" + d.subject + "'";
    case TriggerRule::other_workflow:
      return "the event asks for '" + d.subject + "'";
    case TriggerRule::type_not_listed:
      return "types does not list '" + d.subject + "'";
    case TriggerRule::workflow_not_listed:
      return "workflows does not list '" + d.subject + "'";
    case TriggerRule::cron_not_listed:
      return "no cron is '" + d.subject + "' any more";
    case TriggerRule::ref_deleted:
      return "'" + d.subject + "' was deleted";
    case TriggerRule::skip_text:
      return "the commit message has '" + d.subject + "'";
    case TriggerRule::ref_kind:
      return "'" + d.subject + "' is not for " + d.filter;
    case TriggerRule::ref_not_selected:
      return "'" + d.subject + "' is not selected: " + by;
    case TriggerRule::no_file_selected:
      if (d.subject.empty()) return "no file changed, and there is " + d.filter;
      return "no changed file is selected, as last '" + d.subject + "': " + by;
    case TriggerRule::bad_pattern:
      return d.subject;
  }
  return "";
}

}  // namespace gantry::core::workflow
