// SPDX-License-Identifier: MIT
#include "core/run/selection.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <set>

namespace gantry::core::run {
namespace {

using expr::Kind;
using expr::Value;
using workflow::Job;
using workflow::Workflow;

std::vector<std::string> texts(const Value& list) {
  std::vector<std::string> result;
  if (list.kind() != Kind::array) return result;
  for (const Value& item : list.array())
    result.push_back(item.to_string());
  return result;
}

void add_with_needs(const Workflow& workflow, std::string_view id, std::set<std::string>& kept) {
  const Job* job = workflow.find_job(id);
  if (job == nullptr || !kept.insert(job->id).second) return;
  for (const auto& need : job->needs)
    add_with_needs(workflow, need.value, kept);
}

}  // namespace

Selection selection_of(const Value& payload) {
  Selection selection;
  const Value& asked = payload["gantry"];
  if (asked.kind() != Kind::object) return selection;
  if (asked["workflow"].kind() == Kind::string) selection.workflow = asked["workflow"].string();
  selection.jobs = texts(asked["jobs"]);
  if (asked["matrix"].kind() != Kind::object) return selection;
  for (const auto& [key, values] : asked["matrix"].object().entries()) {
    for (std::string& value : texts(values))
      selection.matrix.emplace_back(key, std::move(value));
  }
  return selection;
}

std::shared_ptr<const Workflow> select_jobs(std::shared_ptr<const Workflow> whole,
                                            const Selection& selection) {
  if (!whole || selection.jobs.empty()) return whole;
  std::set<std::string> kept;
  for (const std::string& id : selection.jobs)
    add_with_needs(*whole, id, kept);
  auto part = std::make_shared<Workflow>(*whole);
  std::erase_if(part->jobs, [&](const Job& job) { return !kept.contains(job.id); });
  return part;
}

bool is_selected(const workflow::MatrixLeg& leg, const Selection& selection) {
  if (leg.matrix.kind() != Kind::object) return true;
  const auto has = [&](const std::string& key, const Value& value) {
    return std::any_of(selection.matrix.begin(), selection.matrix.end(), [&](const auto& wanted) {
      return equals_ignoring_case(wanted.first, key) && wanted.second == value.to_string();
    });
  };
  const auto wants = [&](const std::string& key) {
    return std::any_of(selection.matrix.begin(), selection.matrix.end(),
                       [&](const auto& wanted) { return equals_ignoring_case(wanted.first, key); });
  };
  const auto& entries = leg.matrix.object().entries();
  return std::all_of(entries.begin(), entries.end(), [&](const auto& entry) {
    return !wants(entry.first) || has(entry.first, entry.second);
  });
}

}  // namespace gantry::core::run
