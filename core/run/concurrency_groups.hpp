// SPDX-License-Identifier: MIT
// Part of the scheduler: who holds a concurrency group and who waits for it. Runs and jobs share
// the groups of their repository.
#pragma once

#include "core/base/ids.hpp"
#include "core/run/concurrency.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace gantry::core::run {

// A run, or a job of it.
struct Party {
  RunId run;
  JobId job;  // 0: the run itself
  bool operator==(const Party&) const = default;
};

class ConcurrencyGroups {
 public:
  static constexpr std::size_t kMaxWaiting = 100;

  enum class Place { holds, waits, refused };  // refused: the queue is full
  struct Entry {
    Place place = Place::holds;
    std::vector<Party> superseded;   // waited; no longer in the group
    std::optional<Party> to_cancel;  // holds the group until it leaves
  };
  Entry enter(RepoId repo, const Concurrency& concurrency, const Party& party);
  // The party that holds the group from now on, if another one does so only now.
  std::optional<Party> leave(RepoId repo, const Concurrency& concurrency, const Party& party);

  // The holder and whoever waits before `party`, or would if it entered now.
  std::vector<Party> ahead_of(RepoId repo, const Concurrency& concurrency,
                              const Party& party) const;

 private:
  struct Group {
    Party holder;
    std::deque<Party> waiting;
  };
  using Key = std::pair<RepoId, std::string>;
  static Key key_of(RepoId repo, const Concurrency& concurrency);

  std::map<Key, Group> groups_;  // those held
};

}  // namespace gantry::core::run
