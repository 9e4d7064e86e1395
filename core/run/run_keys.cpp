// SPDX-License-Identifier: MIT
// The functions of run_machine.hpp that need no machine: keys of a whole workflow, reruns.
#include "core/base/text.hpp"
#include "core/run/job_plan.hpp"
#include "core/run/run_machine.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace gantry::core::run {
namespace {

expr::Environment environment_of(const RunContexts& contexts) {
  expr::Environment environment;
  environment.contexts.set("github", contexts.github);
  environment.contexts.set("vars", contexts.vars);
  environment.contexts.set("inputs", contexts.inputs);
  return environment;
}

std::string default_name(const workflow::Workflow& workflow, const expr::Value& github) {
  const std::string event = github["event_name"].to_string();
  std::string name;
  if (event == "push") name = github["event"]["head_commit"]["message"].to_string();
  if (event.starts_with("pull_request")) {
    name = github["event"]["pull_request"]["title"].to_string();
  }
  name = trim(std::string_view(name).substr(0, name.find('\n')));
  return name.empty() ? workflow.name : name;
}

bool runs_again(const RecordedJob& row, RerunScope scope, const LegKey& job) {
  switch (scope) {
    case RerunScope::all:
      return true;
    case RerunScope::failed:
      return row.conclusion != Conclusion::success && row.conclusion != Conclusion::neutral &&
             row.conclusion != Conclusion::skipped;
    case RerunScope::one_job:
      return row.key.leg == job.leg && equals_ignoring_case(row.key.job_id, job.job_id);
  }
  return true;
}

// "a[1].b.c" → its calls "a[1].", "a[1].b." with their jobs "a" and "a[1].b", and itself.
struct Place {
  std::string prefix, id;  // id: without the leg of a call's matrix
};
std::vector<Place> places_of(std::string_view job_id) {
  std::vector<Place> places;
  std::string prefix;
  for (const std::string_view part : split(job_id, '.')) {
    places.push_back({prefix, prefix + std::string(part.substr(0, part.find('[')))});
    prefix += std::string(part) + ".";
  }
  return places;
}

const workflow::Workflow* workflow_at(const workflow::Workflow& first,
                                      const workflow::LoadedWorkflow* loaded,
                                      std::string_view prefix) {
  if (prefix.empty()) return &first;
  for (const std::string_view part : split(prefix.substr(0, prefix.size() - 1), '.')) {
    if (loaded == nullptr) return nullptr;
    const auto& calls = loaded->calls;
    const auto call = std::find_if(calls.begin(), calls.end(), [&](const auto& item) {
      return equals_ignoring_case(item.job_id, part.substr(0, part.find('[')));
    });
    loaded = call == calls.end() || call->workflow.empty() ? nullptr : &call->workflow.front();
  }
  return loaded == nullptr ? nullptr : &loaded->workflow;
}

// The jobs whose needs run again, in every workflow called; all ids in lower case.
class Dependents {
 public:
  Dependents(const workflow::Workflow& first, const workflow::LoadedWorkflow* loaded,
             const std::vector<RecordedJob>& jobs) {
    for (const RecordedJob& row : jobs) {
      for (const Place& place : places_of(to_lower(row.key.job_id))) {
        scopes_[place.prefix] = workflow_at(first, loaded, place.prefix);
      }
    }
  }

  // The job runs again; so does a part of each call it stands in.
  void add(const std::string& job_id) {
    for (const Place& place : places_of(to_lower(job_id)))
      touched_.insert(place.id);
  }

  void close() {
    for (bool grown = true; grown;) {
      grown = false;
      for (const auto& [prefix, workflow] : scopes_) {
        if (workflow != nullptr) grown = grow(prefix, *workflow) || grown;
      }
    }
  }

  bool contains(const std::string& job_id) const {
    const auto places = places_of(to_lower(job_id));
    return std::any_of(places.begin(), places.end(),
                       [&](const Place& place) { return dependents_.contains(place.id); });
  }

 private:
  bool grow(const std::string& prefix, const workflow::Workflow& workflow) {
    bool grown = false;
    for (const workflow::Job& job : workflow.jobs) {
      const bool needs_one = std::any_of(job.needs.begin(), job.needs.end(), [&](const auto& need) {
        const std::string id = prefix + to_lower(need.value);
        return touched_.contains(id) || dependents_.contains(id);
      });
      const std::string id = prefix + to_lower(job.id);
      if (!needs_one || !dependents_.insert(id).second) continue;
      add(id);
      grown = true;
    }
    return grown;
  }

  std::map<std::string, const workflow::Workflow*> scopes_;  // by prefix
  std::set<std::string> touched_, dependents_;
};

}  // namespace

std::vector<RecordedJob> keep_for_rerun(const workflow::Workflow& workflow,
                                        const std::vector<RecordedJob>& jobs, RerunScope scope,
                                        const LegKey& job, const workflow::LoadedWorkflow* loaded) {
  Dependents dependents(workflow, loaded, jobs);
  for (const RecordedJob& row : jobs) {
    if (runs_again(row, scope, job)) dependents.add(row.key.job_id);
  }
  dependents.close();
  std::vector<RecordedJob> kept;
  for (const RecordedJob& row : jobs) {
    if (runs_again(row, scope, job) || dependents.contains(row.key.job_id)) continue;
    kept.push_back(row);
    kept.back().kept = true;
  }
  return kept;
}

RunName run_name(const workflow::Workflow& workflow, const RunContexts& contexts) {
  RunName result{.name = default_name(workflow, contexts.github)};
  if (workflow.run_name.is_null()) return result;
  const auto value = workflow::evaluate(workflow.run_name, environment_of(contexts));
  if (!value) {
    result.diagnostic = value.error();
    result.diagnostic->message = "Error when evaluating 'run-name'. " + value.error().message;
    return result;
  }
  const std::string text = value->to_string();
  if (!trim(text).empty()) result.name = trim(text);
  return result;
}

RunConcurrency run_concurrency(const workflow::Workflow& workflow, const RunContexts& contexts) {
  if (workflow.concurrency.is_null()) return {};
  const auto refuse = [&](yaml::Diagnostic diagnostic) {
    diagnostic.message = "Error when evaluating 'concurrency'. " + diagnostic.message;
    return RunConcurrency{.diagnostic = std::move(diagnostic)};
  };
  const auto value = workflow::evaluate(workflow.concurrency, environment_of(contexts));
  if (!value) return refuse(value.error());
  auto concurrency = read_concurrency(*value);
  if (concurrency) return {.concurrency = *std::move(concurrency)};
  return refuse(diagnostic_at(workflow.concurrency.position, concurrency.error().message));
}

}  // namespace gantry::core::run
