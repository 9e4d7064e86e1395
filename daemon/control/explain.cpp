// SPDX-License-Identifier: MIT
#include "daemon/control/explain.hpp"

#include "core/run/explain.hpp"
#include "daemon/control/new_run.hpp"
#include "daemon/control/run_rows.hpp"

#include <nlohmann/json.hpp>

namespace gantry::daemon::control {
namespace {

using core::run::ConditionNode;
using core::run::Explanation;
using core::run::RunMachine;
using nlohmann::json;

json to_json(const ConditionNode& node) {
  json tree = {{"text", node.text}};
  tree["value"] = node.value ? json(*node.value) : json();
  json children = json::array();
  for (const ConditionNode& child : node.children)
    children.push_back(to_json(child));
  if (!children.empty()) tree["parts"] = std::move(children);
  return tree;
}

json needs_json(const Explanation& explanation) {
  json needs = json::array();
  for (const auto& [id, result] : explanation.needs) {
    needs.push_back({{"job", id}, {"result", result ? json(to_string(*result)) : json()}});
  }
  return needs;
}

json condition_json(const Explanation& explanation) {
  json condition = {{"text", explanation.condition},
                    {"because", explanation.because},
                    {"tree", to_json(explanation.tree)}};
  condition["holds"] = explanation.holds ? json(*explanation.holds) : json();
  if (!explanation.problem.empty()) condition["problem"] = explanation.problem;
  return condition;
}

json row_json(const storage::Job& row) {
  const LegPlan plan = decode_leg_plan(row.plan);
  json job = {{"id", row.id.value},
              {"job", row.key},
              {"leg", row.leg},
              {"name", row.name},
              {"status", to_string(row.status)},
              {"reason", row.details},
              {"labels", json::parse(row.labels, nullptr, false)},
              {"matrix", json::parse(core::expr::to_json(plan.matrix), nullptr, false)}};
  job["conclusion"] = row.conclusion ? json(to_string(*row.conclusion)) : json();
  job["concurrency"] = plan.concurrency ? json(plan.concurrency->group) : json();
  return job;
}

// Null when the stored file could not be read: a broken workflow has no jobs.
std::optional<RunMachine> machine_of(const StoredRun& run) {
  auto parsed = core::workflow::parse_workflow(run.workflow_path, run.input.workflow_source);
  auto stored = decode_contexts(run.input, run.row);
  const Calls calls = load_calls(run.workflow_path, run.input.workflow_source, stored.called,
                                 core::workflow::LoadOptions());
  if (!parsed.workflow || (!stored.called.empty() && !calls.loaded)) return std::nullopt;
  RunMachine machine(std::move(parsed.workflow), std::move(stored.contexts), calls.loaded);
  std::optional<std::string> cancelled;
  if (run.row.cancel_requested_at) cancelled = "the run was cancelled";
  machine.restore(recorded(run.jobs), cancelled);
  return machine;
}

}  // namespace

json explain_run(const StoredRun& run) {
  json jobs = json::array();
  const auto machine = machine_of(run);
  for (const storage::Job& row : run.jobs) {
    json job = row_json(row);
    const auto explanation = machine ? machine->explain(row.key) : std::nullopt;
    if (explanation) {
      job["needs"] = needs_json(*explanation);
      job["if"] = condition_json(*explanation);
    }
    jobs.push_back(std::move(job));
  }
  // Jobs that have no row yet wait for others.
  for (const auto& written :
       machine ? machine->workflow().jobs : std::vector<core::workflow::Job>()) {
    const bool has_row =
        std::any_of(run.jobs.begin(), run.jobs.end(),
                    [&](const storage::Job& row) { return row.key == written.id; });
    const auto explanation = has_row ? std::nullopt : machine->explain(written.id);
    if (!explanation) continue;
    jobs.push_back({{"job", written.id},
                    {"name", core::run::plain_name(written)},
                    {"status", "waiting"},
                    {"reason", "its needs are not done"},
                    {"needs", needs_json(*explanation)}});
  }
  return {{"reason", run.row.details}, {"jobs", std::move(jobs)}};
}

}  // namespace gantry::daemon::control
