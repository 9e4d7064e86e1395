// SPDX-License-Identifier: MIT
#include "core/run/concurrency_groups.hpp"

#include "core/base/text.hpp"

#include <algorithm>

namespace gantry::core::run {

ConcurrencyGroups::Key ConcurrencyGroups::key_of(RepoId repo, const Concurrency& concurrency) {
  return {repo, to_lower(concurrency.group)};
}

ConcurrencyGroups::Entry ConcurrencyGroups::enter(RepoId repo, const Concurrency& concurrency,
                                                  const Party& party) {
  Entry entry;
  const auto [found, is_new] = groups_.try_emplace(key_of(repo, concurrency), Group{party, {}});
  if (is_new) return entry;
  Group& group = found->second;
  if (concurrency.queue == Queue::max && group.waiting.size() >= kMaxWaiting) {
    entry.place = Place::refused;
    return entry;
  }
  entry.place = Place::waits;
  if (concurrency.queue == Queue::single) {
    entry.superseded.assign(group.waiting.begin(), group.waiting.end());
    group.waiting.clear();
  }
  group.waiting.push_back(party);
  if (concurrency.cancel_in_progress) entry.to_cancel = group.holder;
  return entry;
}

std::optional<Party> ConcurrencyGroups::leave(RepoId repo, const Concurrency& concurrency,
                                              const Party& party) {
  const auto found = groups_.find(key_of(repo, concurrency));
  if (found == groups_.end()) return std::nullopt;
  Group& group = found->second;
  if (group.holder != party) {
    std::erase(group.waiting, party);
    return std::nullopt;
  }
  if (group.waiting.empty()) {
    groups_.erase(found);
    return std::nullopt;
  }
  group.holder = group.waiting.front();
  group.waiting.pop_front();
  return group.holder;
}

std::vector<Party> ConcurrencyGroups::ahead_of(RepoId repo, const Concurrency& concurrency,
                                               const Party& party) const {
  std::vector<Party> ahead;
  const auto found = groups_.find(key_of(repo, concurrency));
  if (found == groups_.end() || found->second.holder == party) return ahead;
  ahead.push_back(found->second.holder);
  for (const Party& waiting : found->second.waiting) {
    if (waiting == party) break;
    ahead.push_back(waiting);
  }
  return ahead;
}

}  // namespace gantry::core::run
