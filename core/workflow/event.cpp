// SPDX-License-Identifier: MIT
#include "core/workflow/event.hpp"

#include <algorithm>

namespace gantry::core::workflow {

RefParts split_ref(std::string_view full_ref) {
  constexpr std::string_view heads = "refs/heads/", tags = "refs/tags/", pulls = "refs/pull/";
  if (full_ref.starts_with(heads)) return {RefType::branch, full_ref.substr(heads.size())};
  if (full_ref.starts_with(tags)) return {RefType::tag, full_ref.substr(tags.size())};
  // GitHub's ref_type of a pull request is "branch".
  if (full_ref.starts_with(pulls)) return {RefType::branch, full_ref.substr(pulls.size())};
  return {RefType::other, full_ref};
}

bool is_zero_sha(std::string_view sha) {
  return !sha.empty() && std::all_of(sha.begin(), sha.end(), [](char c) { return c == '0'; });
}

void set_ref(Event& event, std::string ref) {
  event.ref = std::move(ref);
  const RefParts parts = split_ref(event.ref);
  event.ref_type = parts.type;
  event.ref_name = parts.name;
}

void set_default_branch(Event& event) {
  set_ref(event, "refs/heads/" + event.repository.default_branch);
  event.rev = event.ref;
  event.sha.clear();
}

std::vector<Event> events_of(Event event) {
  std::vector<Event> events;
  if (event.name == "pull_request") {
    Event target = event;
    target.name = "pull_request_target";
    set_default_branch(target);
    events.push_back(std::move(event));
    events.push_back(std::move(target));
  } else {
    events.push_back(std::move(event));
  }
  return events;
}

bool runs_at_merge(const Event& event) {
  return event.name == "pull_request" || event.name == "pull_request_review" ||
         event.name == "pull_request_review_comment";
}

}  // namespace gantry::core::workflow
