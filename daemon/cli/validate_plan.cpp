// SPDX-License-Identifier: MIT
// gantry validate --event: the plan of an event by the engine itself, without running anything.
#include "core/base/text.hpp"
#include "core/run/dry_run.hpp"
#include "core/run/plan.hpp"
#include "core/workflow/dispatch.hpp"
#include "core/workflow/github_context.hpp"
#include "daemon/cli/commands.hpp"
#include "daemon/cli/print.hpp"
#include "daemon/cli/validate.hpp"
#include "proto/github_events.hpp"

#include <nlohmann/json.hpp>
#include <unistd.h>

#include <cstdio>

namespace gantry::daemon::cli {
namespace {

using core::Errc;
using core::Exception;
using core::expr::Kind;
using core::expr::Value;
using core::run::DryJob;
using core::run::PlannedWorkflow;
using core::run::PlanOutcome;
using core::workflow::Changes;
using core::workflow::Event;
using nlohmann::json;

std::string event_of(const Value& payload) {
  constexpr std::pair<std::string_view, std::string_view> kMarks[] = {
      {"review", "pull_request_review"},
      {"pull_request", "pull_request"},
      {"comment", "issue_comment"},
      {"issue", "issues"},
      {"release", "release"},
      {"workflow_run", "workflow_run"},
      {"merge_group", "merge_group"},
      {"after", "push"},
      {"client_payload", "repository_dispatch"},
      {"ref_type", "create"},
      {"inputs", "workflow_dispatch"}};
  for (const auto& [member, event] : kMarks) {
    if (!payload[member].is_null()) return std::string(event);
  }
  throw Exception(Errc::invalid,
                  "reading the payload: it does not tell its event; add --event-name");
}

// The files a push's commits list; GitHub compares the trees, which may differ for merges.
std::optional<Changes> changes_of(const PlanOptions& options, const Value& payload) {
  Changes changes;
  changes.files = options.changed;
  const Value& commits = payload["commits"];
  if (!changes.files.empty()) return changes;
  if (commits.kind() != Kind::array) return std::nullopt;
  for (const Value& commit : commits.array()) {
    for (const std::string_view list : {"added", "modified", "removed"}) {
      if (commit[list].kind() != Kind::array) return std::nullopt;
      for (const Value& file : commit[list].array())
        changes.files.push_back(file.to_string());
    }
  }
  changes.commits = commits.array().size();
  return changes;
}

std::vector<Event> read_events(const PlanOptions& options, const std::string& text) {
  const auto payload = core::expr::parse_json(text);
  if (!payload) throw Exception(Errc::invalid, "reading the payload: " + payload.error().message);
  const std::string name = options.event.empty() ? event_of(*payload) : options.event;
  if (name == "workflow_dispatch") {
    Event event;
    event.name = name;
    event.payload = *payload;
    set_ref(event, (*payload)["ref"].to_string());
    event.sha = event.head_sha = (*payload)["sha"].to_string();
    event.workflow_file = (*payload)["workflow"].to_string();
    return {event};
  }
  auto delivery = proto::parse_delivery(name, text);
  if (!delivery) throw Exception(std::move(delivery.error()));
  if (const auto* ignored = std::get_if<proto::Ignored>(&delivery->content)) {
    throw Exception(Errc::invalid, "reading the payload of '" + name + "': " + ignored->reason);
  }
  auto* event = std::get_if<Event>(&delivery->content);
  if (event == nullptr) {
    throw Exception(Errc::invalid, "reading the payload: '" + name + "' starts no workflow");
  }
  return core::workflow::events_of(std::move(*event));
}

core::run::RunContexts contexts_of(const Event& event, const core::workflow::Workflow& workflow,
                                   std::string& problem) {
  core::workflow::RunFacts facts;
  facts.workflow_name = workflow.name;
  facts.workflow_file = workflow.file;
  facts.triggering_actor = event.sender;
  core::run::RunContexts contexts;
  contexts.github = core::workflow::github_context(event, facts);
  const auto* trigger = workflow.find_trigger("workflow_dispatch");
  if (event.name != "workflow_dispatch" || trigger == nullptr) return contexts;
  const auto inputs = core::workflow::check_inputs(*trigger, event.payload["inputs"]);
  if (inputs) {
    contexts.inputs = inputs->typed;
  } else {
    problem = inputs.error().message;
  }
  return contexts;
}

struct Shown {
  std::string event;
  PlannedWorkflow plan;
  std::vector<DryJob> jobs;
};

std::string_view outcome_of(const Shown& shown) {
  switch (shown.plan.outcome) {
    case PlanOutcome::starts:
      return "starts";
    case PlanOutcome::not_started:
      return "does not start";
    case PlanOutcome::broken:
      return "has errors";
  }
  return "";
}

std::string_view outcome_of(const DryJob& job) {
  switch (job.outcome) {
    case DryJob::Outcome::starts:
      return "starts";
    case DryJob::Outcome::skipped:
      return "skipped";
    case DryJob::Outcome::fails:
      return "fails";
  }
  return "";
}

std::string detail_of(const DryJob& job) {
  if (!job.problem.empty()) return job.problem;
  if (job.outcome == DryJob::Outcome::skipped) {
    const std::string because = core::join(job.because, ", ");
    return "if: " + job.condition + (because.empty() ? "" : "; " + because);
  }
  std::string text = "on " + core::join(job.labels, ", ");
  if (!job.needs.empty()) text += ", after " + core::join(job.needs, ", ");
  if (!job.concurrency.empty()) text += ", in the concurrency group '" + job.concurrency + "'";
  return text;
}

json to_json(const Shown& shown) {
  json jobs = json::array();
  for (const DryJob& job : shown.jobs) {
    jobs.push_back({{"id", job.key.job_id},
                    {"leg", job.key.leg},
                    {"name", job.name},
                    {"outcome", outcome_of(job)},
                    {"needs", job.needs},
                    {"labels", job.labels},
                    {"if", job.condition},
                    {"because", job.because},
                    {"problem", job.problem},
                    {"concurrency", job.concurrency},
                    {"matrix", json::parse(core::expr::to_json(job.matrix))}});
  }
  return {{"event", shown.event},
          {"workflow", shown.plan.file},
          {"outcome", outcome_of(shown)},
          {"reason", shown.plan.reason},
          {"filter", shown.plan.decision.filter},
          {"pattern", shown.plan.decision.pattern},
          {"subject", shown.plan.decision.subject},
          {"line", shown.plan.decision.position.line},
          {"jobs", jobs}};
}

void print_text(const Shown& shown) {
  const bool starts = shown.plan.outcome == PlanOutcome::starts;
  std::printf("%s on %s: %s: %s\n", paint(Colour::bold, for_terminal(shown.plan.file)).c_str(),
              shown.event.c_str(),
              paint(starts ? Colour::green : Colour::grey, outcome_of(shown)).c_str(),
              for_terminal(shown.plan.reason).c_str());
  for (const DryJob& job : shown.jobs) {
    const bool fails = job.outcome == DryJob::Outcome::fails;
    std::printf("  %s: %s: %s\n", for_terminal(job.name).c_str(),
                paint(fails ? Colour::red : Colour::none, outcome_of(job)).c_str(),
                for_terminal(detail_of(job)).c_str());
  }
}

Shown examine(const Event& event, PlannedWorkflow plan) {
  Shown shown{event.name, std::move(plan), {}};
  if (shown.plan.outcome != PlanOutcome::starts) return shown;
  std::string problem;
  auto contexts = contexts_of(event, *shown.plan.workflow, problem);
  if (!problem.empty()) {
    shown.plan.outcome = PlanOutcome::not_started;
    shown.plan.reason = std::move(problem);
    return shown;
  }
  shown.jobs = core::run::dry_run(shown.plan.workflow, std::move(contexts));
  return shown;
}

}  // namespace

int show_plan(const PlanOptions& options, const std::vector<CheckedFile>& files) {
  const std::string text = options.payload_file == "-" ? read_open_file(STDIN_FILENO, "the payload")
                                                       : core::read_file(options.payload_file);
  const std::vector<Event> events = read_events(options, text);
  const std::optional<Changes> changes = changes_of(options, events.front().payload);
  std::vector<core::run::WorkflowFile> workflows;
  bool broken = false;
  for (const CheckedFile& file : files) {
    const bool is_workflow = file.name.starts_with(".github/workflows/") || file.workflow;
    if (!is_workflow) continue;
    workflows.push_back({file.name, {file.workflow, file.diagnostics}});
    broken |= has_errors(file.diagnostics);
  }
  json list = json::array();
  for (const Event& event : events) {
    for (PlannedWorkflow& plan : core::run::plan_event(event, workflows, changes)) {
      const Shown shown = examine(event, std::move(plan));
      const bool other_event =
          shown.plan.decision.rule == core::workflow::TriggerRule::event_not_listed &&
          &event != &events.front();
      if (other_event) continue;
      list.push_back(to_json(shown));
      if (!options.json) print_text(shown);
    }
  }
  if (options.json) std::puts(json{{"plan", list}}.dump(2).c_str());
  return broken ? kFailed : 0;
}

}  // namespace gantry::daemon::cli
