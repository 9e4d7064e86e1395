// SPDX-License-Identifier: MIT
// Part of the scheduler: jobs that wait only for room, by the labels they ask for, and the room
// itself. Fair between repositories (see scheduler.hpp).
#pragma once

#include "core/run/scheduler.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <unordered_map>

namespace gantry::core::run {

class ReadyQueue {
 public:
  static constexpr std::size_t kNoOffer = static_cast<std::size_t>(-1);
  struct Ticket {
    std::size_t label_set = 0;
    RepoId repo;
    std::uint64_t order = 0;  // older first
    JobId job;
  };
  struct Pick {
    JobId job;
    std::size_t offer = 0;
  };
  struct Reload {
    std::vector<JobId> orphans;          // wait for labels no offer has any more; removed
    std::vector<std::size_t> new_index;  // of each old offer, kNoOffer when it is gone
  };

  explicit ReadyQueue(Capacity capacity);
  Reload set_capacity(Capacity capacity);
  const Capacity& capacity() const { return capacity_; }

  // The number of a set of labels, nothing when no offer has them all.
  std::optional<std::size_t> label_set(const std::vector<std::string>& labels);
  void insert(const Ticket& ticket);
  void erase(const Ticket& ticket);
  // The next job that fits, removed; its room is taken.
  std::optional<Pick> pick();
  void take_room(std::size_t offer);
  void give_room(std::size_t offer);
  std::size_t running() const { return running_; }

 private:
  struct LabelSet {
    std::vector<std::string> labels;  // lower case, sorted, once each
    std::vector<std::size_t> offers;  // that have them all, in order
    std::map<RepoId, std::map<std::uint64_t, JobId>> jobs;
    std::set<std::pair<std::uint64_t, RepoId>> turns;  // of `jobs`' repositories, by last served
  };
  struct Repo {
    std::uint64_t last_served = 0;
    std::set<std::size_t> label_sets;  // where it has jobs
  };

  void find_offers(LabelSet& set) const;
  std::size_t offer_with_room(const LabelSet& set) const;
  void serve(RepoId repo);

  Capacity capacity_;
  std::vector<LabelSet> sets_;
  std::map<std::vector<std::string>, std::size_t> set_of_labels_;
  std::set<std::size_t> busy_sets_;  // with jobs
  std::unordered_map<RepoId, Repo> repos_;
  std::vector<int> running_on_;
  std::size_t running_ = 0;
  std::uint64_t served_ = 0;
};

}  // namespace gantry::core::run
