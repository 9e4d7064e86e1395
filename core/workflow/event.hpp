// SPDX-License-Identifier: MIT
// Something that happened in a repository and may start workflows, as plain data. Made from a
// webhook (proto/github_events) or a dispatch (core/workflow/dispatch). The caller fills what only
// git knows: `sha` of a pull request (refs/pull/N/merge) and of what `rev` names, `sha` and
// `head_sha` of an annotated tag (peeled to the commit), `head_commit_message` of a pull request's
// head.
#pragma once

#include "core/expr/value.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::core::workflow {

enum class RefType { branch, tag, other };

struct Repository {
  std::int64_t id = 0;  // GitHub's
  std::string full_name, owner, name;
  std::int64_t owner_id = 0;
  std::string clone_url, ssh_url, html_url, default_branch;
  bool is_private = false;
};

struct Actor {
  std::string login;
  std::int64_t id = 0;
};

struct PullRequest {
  std::int64_t id = 0, number = 0;
  std::string title, head_ref, head_sha, base_ref, base_sha;
  std::string head_repository;  // full name; empty when the fork was deleted
  bool from_fork = false;       // also when it cannot be known
  bool merged = false, draft = false;
  std::string author_association;  // OWNER MEMBER COLLABORATOR CONTRIBUTOR … NONE
};

struct Event {
  std::string name;    // github.event_name: push, pull_request, workflow_dispatch
  std::string action;  // activity type, empty when the event has none
  expr::Value payload;
  Repository repository;
  Actor sender;
  std::int64_t installation_id = 0;

  std::string ref;       // full: refs/heads/b, refs/tags/t, refs/pull/N/merge
  std::string ref_name;  // b, t, N/merge
  RefType ref_type = RefType::branch;
  std::string sha;       // GITHUB_SHA; empty until the merge ref or `rev` is resolved
  std::string rev;       // the ref whose commit `sha` is; empty: `sha` is known or a merge commit
  std::string head_sha;  // the commit on which checks are reported
  std::string before, after;  // push: old and new tip, zeros when none
  bool created = false, deleted = false, forced = false;
  std::string head_commit_message;  // of the tip pushed, or of a pull request's head
  std::optional<PullRequest> pull_request;
  std::string workflow_file;  // workflow_dispatch, schedule: the one workflow meant
  std::string cron;           // schedule: the entry that is due
  std::string run_workflow;   // workflow_run: name of the workflow that ran
  std::string run_branch;     // workflow_run: head branch of its run; merge_group: the base branch

  std::string dedupe_key;  // equal for two deliveries that mean the same; empty: never equal
};

// refs/heads/x → branch x, refs/tags/x → tag x, refs/pull/N/merge → branch "N/merge".
struct RefParts {
  RefType type = RefType::other;
  std::string_view name;
};
RefParts split_ref(std::string_view full_ref);

bool is_zero_sha(std::string_view sha);

// Makes `ref` the event's, with its name and kind.
void set_ref(Event& event, std::string ref);
// refs/heads/<default branch>, its commit still to be resolved: where most events run.
void set_default_branch(Event& event);

// The events of `on` that one delivery stands for: a pull request's is also the
// pull_request_target's, on the default branch.
std::vector<Event> events_of(Event event);
// Of a pull request's code or review, not of the base: the merge commit is what runs.
bool runs_at_merge(const Event& event);

}  // namespace gantry::core::workflow
