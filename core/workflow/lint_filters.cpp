// SPDX-License-Identifier: MIT
// Filters of `on` that select nothing or change nothing.
#include "core/workflow/lint_internal.hpp"

#include <algorithm>

namespace gantry::core::workflow {
namespace {

using Patterns = std::vector<Located<std::string>>;

bool is_negative(const Located<std::string>& pattern) {
  return pattern.value.starts_with('!');
}

// A later pattern that takes back everything an earlier one selects.
bool takes_back(const Located<std::string>& later, const std::string& earlier) {
  return later.value == "!" + earlier || later.value == "!**";
}

void lint_order(LintRun& run, const Patterns& patterns, const std::string& name) {
  const bool all_negative = std::all_of(patterns.begin(), patterns.end(), is_negative);
  if (all_negative && !patterns.empty()) {
    const bool ignores = name.ends_with("-ignore");
    return run.warn(patterns.front().position,
                    "'" + name + "' has only patterns that exclude: it " +
                        (ignores ? "ignores nothing" : "selects nothing"),
                    "filter", ignores ? "leave '!' out to ignore them" : "put '**' before them");
  }
  bool selected = false;
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    const auto& pattern = patterns[i];
    if (is_negative(pattern)) {
      if (!selected) {
        run.warn(pattern.position,
                 "'" + pattern.value + "' excludes nothing: no pattern before it selects anything",
                 "filter", "patterns are applied in order, and the last that matches decides");
      }
      continue;
    }
    selected = true;
    const auto rest = patterns.begin() + static_cast<std::ptrdiff_t>(i) + 1;
    const auto back = std::find_if(
        rest, patterns.end(), [&](const auto& later) { return takes_back(later, pattern.value); });
    if (back == patterns.end()) continue;
    run.warn(
        pattern.position,
        "'" + pattern.value + "' can never match: '" + back->value + "' after it takes it back",
        "filter");
  }
}

void lint_names(LintRun& run, const Filter& filter, const std::string& name) {
  if (!filter) return;
  for (const auto& pattern : *filter) {
    std::string_view text = pattern.value;
    if (is_negative(pattern)) text.remove_prefix(1);
    for (const std::string_view prefix : {"refs/heads/", "refs/tags/"}) {
      if (!text.starts_with(prefix)) continue;
      run.warn(pattern.position,
               "'" + pattern.value + "' can never match: names have no '" + std::string(prefix) +
                   "' before them here",
               "filter", "write '" + std::string(text.substr(prefix.size())) + "'");
    }
  }
  lint_order(run, *filter, name);
}

void lint_paths(LintRun& run, const Filter& filter, const std::string& name) {
  if (!filter) return;
  for (const auto& pattern : *filter) {
    std::string_view text = pattern.value;
    if (is_negative(pattern)) text.remove_prefix(1);
    std::string why, instead;
    if (text.starts_with("./") || text.starts_with('/')) {
      why = "paths start at the repository's top, without './' or '/'";
      instead = std::string(text.substr(text.find('/') + 1));
    } else if (text.ends_with('/')) {
      why = "it names a folder, and only files are looked at";
      instead = std::string(text) + "**";
    } else if (text.starts_with("../")) {
      why = "no file of the repository lies above it";
    }
    if (why.empty()) continue;
    run.warn(pattern.position, "'" + pattern.value + "' can never match: " + why, "filter",
             instead.empty() ? "" : "write '" + instead + "'");
  }
  lint_order(run, *filter, name);
}

void lint_tags_with_paths(LintRun& run, const EventTrigger& trigger) {
  const bool for_tags = trigger.tags || trigger.tags_ignore;
  const bool for_branches = trigger.branches || trigger.branches_ignore;
  const Filter& paths = trigger.paths ? trigger.paths : trigger.paths_ignore;
  if (trigger.event != "push" || !for_tags || for_branches || !paths || paths->empty()) return;
  run.warn(paths->front().position, "The path filter is never looked at: only tags are selected",
           "filter", "paths do not count for tags");
}

}  // namespace

void lint_triggers(LintRun& run, const Workflow& workflow) {
  for (const EventTrigger& trigger : workflow.on) {
    lint_names(run, trigger.branches, "branches");
    lint_names(run, trigger.branches_ignore, "branches-ignore");
    lint_names(run, trigger.tags, "tags");
    lint_names(run, trigger.tags_ignore, "tags-ignore");
    lint_paths(run, trigger.paths, "paths");
    lint_paths(run, trigger.paths_ignore, "paths-ignore");
    lint_tags_with_paths(run, trigger);
  }
}

}  // namespace gantry::core::workflow
