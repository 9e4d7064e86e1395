// SPDX-License-Identifier: MIT
#include "core/run/ready_queue.hpp"

#include "core/base/text.hpp"

#include <algorithm>

namespace gantry::core::run {
namespace {

std::vector<std::string> normal_form(const std::vector<std::string>& labels) {
  std::vector<std::string> normal;
  normal.reserve(labels.size());
  for (const std::string& label : labels)
    normal.push_back(to_lower(label));
  std::sort(normal.begin(), normal.end());
  normal.erase(std::unique(normal.begin(), normal.end()), normal.end());
  return normal;
}

}  // namespace

ReadyQueue::ReadyQueue(Capacity capacity)
    : capacity_(std::move(capacity)), running_on_(capacity_.offers.size()) {}

void ReadyQueue::find_offers(LabelSet& set) const {
  set.offers.clear();
  for (std::size_t i = 0; i < capacity_.offers.size(); ++i) {
    const auto has = normal_form(capacity_.offers[i].labels);
    if (std::includes(has.begin(), has.end(), set.labels.begin(), set.labels.end())) {
      set.offers.push_back(i);
    }
  }
}

std::optional<std::size_t> ReadyQueue::label_set(const std::vector<std::string>& labels) {
  auto normal = normal_form(labels);
  if (const auto known = set_of_labels_.find(normal); known != set_of_labels_.end()) {
    if (sets_[known->second].offers.empty()) return std::nullopt;
    return known->second;
  }
  LabelSet set;
  set.labels = normal;
  find_offers(set);
  // Sets nobody offers are not kept: their number has no bound.
  if (normal.empty() || set.offers.empty()) return std::nullopt;
  sets_.push_back(std::move(set));
  set_of_labels_.emplace(std::move(normal), sets_.size() - 1);
  return sets_.size() - 1;
}

ReadyQueue::Reload ReadyQueue::set_capacity(Capacity capacity) {
  Reload reload;
  std::vector<int> running_on(capacity.offers.size());
  for (std::size_t old = 0; old < capacity_.offers.size(); ++old) {
    std::size_t index = kNoOffer;
    for (std::size_t i = 0; i < capacity.offers.size() && index == kNoOffer; ++i) {
      const bool same =
          normal_form(capacity.offers[i].labels) == normal_form(capacity_.offers[old].labels);
      if (same) index = i;
    }
    reload.new_index.push_back(index);
    if (index != kNoOffer) running_on[index] += running_on_[old];
  }
  capacity_ = std::move(capacity);
  running_on_ = std::move(running_on);
  for (std::size_t i = 0; i < sets_.size(); ++i) {
    find_offers(sets_[i]);
    if (!sets_[i].offers.empty()) continue;
    std::vector<Ticket> tickets;
    for (const auto& [repo, jobs] : sets_[i].jobs) {
      for (const auto& [order, job] : jobs)
        tickets.push_back({i, repo, order, job});
    }
    for (const Ticket& ticket : tickets) {
      erase(ticket);
      reload.orphans.push_back(ticket.job);
    }
  }
  return reload;
}

void ReadyQueue::insert(const Ticket& ticket) {
  LabelSet& set = sets_[ticket.label_set];
  auto& jobs = set.jobs[ticket.repo];
  if (jobs.empty()) {
    Repo& repo = repos_[ticket.repo];
    set.turns.emplace(repo.last_served, ticket.repo);
    repo.label_sets.insert(ticket.label_set);
    busy_sets_.insert(ticket.label_set);
  }
  jobs.emplace(ticket.order, ticket.job);
}

void ReadyQueue::erase(const Ticket& ticket) {
  LabelSet& set = sets_[ticket.label_set];
  const auto jobs = set.jobs.find(ticket.repo);
  if (jobs == set.jobs.end() || jobs->second.erase(ticket.order) == 0) return;
  if (!jobs->second.empty()) return;
  Repo& repo = repos_[ticket.repo];
  set.jobs.erase(jobs);
  set.turns.erase({repo.last_served, ticket.repo});
  repo.label_sets.erase(ticket.label_set);
  if (set.jobs.empty()) busy_sets_.erase(ticket.label_set);
}

std::size_t ReadyQueue::offer_with_room(const LabelSet& set) const {
  for (const std::size_t offer : set.offers) {
    const int limit = capacity_.offers[offer].limit;
    if (limit <= 0 || running_on_[offer] < limit) return offer;
  }
  return kNoOffer;
}

std::optional<ReadyQueue::Pick> ReadyQueue::pick() {
  if (capacity_.jobs <= 0 || running_ >= static_cast<std::size_t>(capacity_.jobs)) {
    return std::nullopt;
  }
  const LabelSet* best = nullptr;
  Ticket ticket;
  std::size_t offer = kNoOffer;
  for (const std::size_t index : busy_sets_) {
    const LabelSet& set = sets_[index];
    if (best != nullptr && *best->turns.begin() < *set.turns.begin()) continue;
    const std::size_t room = offer_with_room(set);
    if (room == kNoOffer) continue;
    const RepoId repo = set.turns.begin()->second;
    const auto& [order, job] = *set.jobs.at(repo).begin();
    // The same repository with two sets of labels: its older job.
    if (best != nullptr && repo == ticket.repo && ticket.order < order) continue;
    best = &set;
    offer = room;
    ticket = {index, repo, order, job};
  }
  if (best == nullptr) return std::nullopt;
  erase(ticket);
  serve(ticket.repo);
  take_room(offer);
  return Pick{ticket.job, offer};
}

// The repository goes to the end of every line it stands in.
void ReadyQueue::serve(RepoId id) {
  Repo& repo = repos_[id];
  const std::uint64_t turn = ++served_;
  for (const std::size_t index : repo.label_sets) {
    sets_[index].turns.erase({repo.last_served, id});
    sets_[index].turns.emplace(turn, id);
  }
  repo.last_served = turn;
}

void ReadyQueue::take_room(std::size_t offer) {
  ++running_;
  if (offer < running_on_.size()) ++running_on_[offer];
}

void ReadyQueue::give_room(std::size_t offer) {
  --running_;
  if (offer < running_on_.size()) --running_on_[offer];
}

}  // namespace gantry::core::run
