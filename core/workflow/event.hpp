// SPDX-License-Identifier: MIT
// Something that happened in a repository and may start workflows, as plain data. Made from a
// webhook (proto/github_events) or a dispatch (core/workflow/dispatch). The caller fills what only
// git knows: `sha` of a pull request (refs/pull/N/merge) and of a dispatch, `sha` and `head_sha` of
// an annotated tag (peeled to the commit), `head_commit_message` of a pull request's head.
#pragma once

#include "core/expr/value.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

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
  std::string sha;       // GITHUB_SHA; empty for a pull request until the merge ref is resolved
  std::string head_sha;  // the commit on which checks are reported
  std::string before, after;  // push: old and new tip, zeros when none
  bool created = false, deleted = false, forced = false;
  std::string head_commit_message;  // of the tip pushed, or of a pull request's head
  std::optional<PullRequest> pull_request;
  std::string workflow_file;  // workflow_dispatch: the one workflow meant

  std::string dedupe_key;  // equal for two deliveries that mean the same; empty: never equal
};

// refs/heads/x → branch x, refs/tags/x → tag x, refs/pull/N/merge → branch "N/merge".
struct RefParts {
  RefType type = RefType::other;
  std::string_view name;
};
RefParts split_ref(std::string_view full_ref);

bool is_zero_sha(std::string_view sha);

}  // namespace gantry::core::workflow
