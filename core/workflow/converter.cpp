// SPDX-License-Identifier: MIT
#include "core/workflow/converter.hpp"

#include "core/base/text.hpp"

#include <unordered_map>

namespace gantry::core::workflow {
namespace {

void take_jobs(Token& jobs, Workflow& workflow, Diagnostics& diagnostics) {
  workflow.jobs.reserve(jobs.entries.size());
  for (auto& [id, body] : jobs.entries) {
    if (!id.is_string()) continue;
    workflow.jobs.push_back(convert_job(id, std::move(body), diagnostics));
  }
  std::unordered_map<std::string, const std::string*> ids;
  for (const Job& job : workflow.jobs)
    ids.emplace(to_lower(job.id), &job.id);
  for (Job& job : workflow.jobs) {
    for (Located<std::string>& need : job.needs) {
      const auto found = ids.find(to_lower(need.value));
      if (found != ids.end()) need.value = *found->second;
    }
  }
}

}  // namespace

const Job* Workflow::find_job(std::string_view id) const {
  for (const Job& job : jobs) {
    if (equals_ignoring_case(job.id, id)) return &job;
  }
  return nullptr;
}

const EventTrigger* Workflow::find_trigger(std::string_view event) const {
  for (const EventTrigger& trigger : on) {
    if (trigger.event == event) return &trigger;
  }
  return nullptr;
}

Workflow convert_workflow(Token root, std::string_view file, Diagnostics& diagnostics) {
  Workflow workflow;
  workflow.file = file;
  workflow.name = file;
  for (auto& [key, value] : root.entries) {
    if (key.text == "name" && value.is_string() && !value.text.empty()) {
      workflow.name = value.text;
    } else if (key.text == "run-name") {
      workflow.run_name = std::move(value);
    } else if (key.text == "permissions") {
      workflow.permissions = std::move(value);
    } else if (key.text == "env") {
      workflow.env = std::move(value);
    } else if (key.text == "defaults") {
      workflow.defaults = std::move(value);
    } else if (key.text == "concurrency") {
      check_concurrency(value, diagnostics);
      workflow.concurrency = std::move(value);
    } else if (key.text == "on") {
      workflow.on_position = value.position;
      workflow.on = convert_triggers(value);
    } else if (key.text == "jobs") {
      workflow.jobs_position = value.position;
      take_jobs(value, workflow, diagnostics);
    }
  }
  return workflow;
}

}  // namespace gantry::core::workflow
