// SPDX-License-Identifier: MIT
#include "daemon/control/run_rows.hpp"

#include "core/base/text.hpp"

#include <algorithm>

namespace gantry::daemon::control {
namespace {

using core::expr::Array;
using core::expr::Kind;
using core::expr::Object;
using core::expr::Value;
using core::run::Conclusion;
using core::run::JobStatus;

Value parsed(std::string_view json, std::string_view doing) {
  return core::or_throw(core::expr::parse_json(json), doing);
}

storage::Job base_row(const core::run::LegKey& key, const std::string& name,
                      const storage::Run& run, core::Timestamp now) {
  storage::Job row;
  row.run = run.id;
  row.attempt = run.attempt;
  row.key = key.job_id;
  row.leg = key.leg;
  row.name = name;
  row.created_at = now;
  return row;
}

}  // namespace

Value with_run_facts(const Value& github, const storage::Run& run) {
  Object object = github.kind() == Kind::object ? github.object() : Object();
  object.set("run_id", std::to_string(run.id.value));
  object.set("run_number", std::to_string(run.run_number));
  object.set("run_attempt", std::to_string(run.attempt));
  object.set("triggering_actor", run.triggering_actor);
  return Value(std::move(object));
}

std::string encode_contexts(const core::run::RunContexts& contexts, std::string_view workflow_sha,
                            const core::run::CalledTexts& called) {
  Object github = contexts.github.kind() == Kind::object ? contexts.github.object() : Object();
  github.erase("event");
  Object object;
  object.set("github", Value(std::move(github)));
  object.set("vars", contexts.vars);
  object.set("inputs", contexts.inputs);
  object.set("workflow_sha", workflow_sha);
  Object texts;
  for (const auto& [name, file] : called) {
    Object kept;
    kept.set("text", file.text);
    kept.set("ref", file.ref);
    kept.set("sha", file.sha);
    texts.set(name, Value(std::move(kept)));
  }
  if (!called.empty()) object.set("called", std::move(texts));
  return core::expr::to_json(Value(std::move(object)));
}

StoredContexts decode_contexts(const storage::RunInput& input, const storage::Run& run) {
  const Value stored = parsed(input.contexts, "reading the contexts of a stored run");
  StoredContexts read;
  Object github = stored["github"].kind() == Kind::object ? stored["github"].object() : Object();
  if (input.event_payload) {
    github.set("event", parsed(*input.event_payload, "reading the event of a stored run"));
  }
  read.contexts.github = with_run_facts(Value(std::move(github)), run);
  read.contexts.vars = stored["vars"];
  read.contexts.inputs = stored["inputs"];
  read.workflow_sha = stored["workflow_sha"].to_string();
  if (stored["called"].kind() == Kind::object) {
    for (const auto& [name, file] : stored["called"].object().entries()) {
      read.called[name] = {file["text"].to_string(), file["ref"].to_string(),
                           file["sha"].to_string()};
    }
  }
  return read;
}

Value to_object(const NamedValues& values) {
  Object object;
  for (const auto& [name, value] : values)
    object.set(name, value);
  return Value(std::move(object));
}

storage::Job row_of(const core::run::CreateLeg& effect, const storage::Run& run,
                    core::Timestamp now) {
  storage::Job row = base_row(effect.key, effect.name, run, now);
  LegPlan plan;
  plan.matrix = effect.matrix;
  plan.strategy = effect.strategy;
  plan.leg_total = effect.leg_total;
  plan.max_parallel = effect.max_parallel;
  plan.fail_fast = effect.fail_fast;
  plan.continue_on_error = effect.continue_on_error;
  plan.timeout = effect.timeout;
  plan.concurrency = effect.concurrency;
  plan.runner_group = effect.runner_group;
  plan.environment = effect.environment;
  row.plan = encode(plan);
  row.labels = encode_strings(effect.labels);
  row.status = effect.concurrency ? JobStatus::pending : JobStatus::queued;
  return row;
}

storage::Job row_of(const core::run::SkipJob& effect, const storage::Run& run,
                    core::Timestamp now) {
  storage::Job row = base_row(effect.key, effect.name, run, now);
  row.status = JobStatus::completed;
  row.conclusion = Conclusion::skipped;
  row.completed_at = now;
  row.details = "skipped: " + effect.condition + " was not true";
  if (!effect.because.empty()) row.details += ": " + core::join(effect.because, ", ");
  return row;
}

storage::Job row_of(const core::run::FailJob& effect, const storage::Run& run,
                    core::Timestamp now) {
  storage::Job row = base_row(effect.key, effect.name, run, now);
  row.status = JobStatus::completed;
  row.conclusion = Conclusion::failure;
  row.completed_at = now;
  row.details = "cannot be planned: " + effect.diagnostic.message;
  return row;
}

storage::Annotation annotation_of(const core::yaml::Diagnostic& diagnostic,
                                  const std::string& workflow_path) {
  storage::Annotation annotation;
  annotation.level = diagnostic.severity == core::yaml::Severity::error
                         ? storage::AnnotationLevel::failure
                         : storage::AnnotationLevel::warning;
  annotation.path = workflow_path;
  annotation.start_line = std::max(1, diagnostic.position.line);
  annotation.end_line = annotation.start_line;
  if (diagnostic.position.column > 0) {
    annotation.start_column = diagnostic.position.column;
    annotation.end_column = diagnostic.position.column;
  }
  annotation.title = diagnostic.kind;
  annotation.message = core::yaml::sentence(diagnostic);
  return annotation;
}

std::vector<core::run::RecordedJob> recorded(const std::vector<storage::Job>& rows) {
  std::vector<const storage::Job*> ordered;
  for (const storage::Job& row : rows)
    ordered.push_back(&row);
  std::stable_sort(ordered.begin(), ordered.end(), [](const auto* a, const auto* b) {
    if (a->completed_at && b->completed_at) return *a->completed_at < *b->completed_at;
    return a->completed_at.has_value() && !b->completed_at.has_value();
  });
  std::vector<core::run::RecordedJob> jobs;
  for (const storage::Job* row : ordered) {
    const LegPlan plan = decode_leg_plan(row->plan);
    core::run::RecordedJob job;
    job.key = {row->key, row->leg};
    job.leg_total = plan.leg_total;
    job.fail_fast = plan.fail_fast;
    job.continue_on_error = plan.continue_on_error;
    job.conclusion = row->conclusion;
    job.name = row->name;
    job.kept = row->origin.has_value();
    const Value outputs = parsed(row->outputs, "reading the outputs of a stored job");
    if (outputs.kind() == Kind::object) {
      for (const auto& [name, value] : outputs.object().entries()) {
        job.outputs.emplace_back(name, value.to_string());
      }
    }
    jobs.push_back(std::move(job));
  }
  return jobs;
}

std::string encode_outputs(const core::run::Outputs& outputs) {
  Object object;
  for (const auto& [name, value] : outputs)
    object.set(name, value);
  return core::expr::to_json(Value(std::move(object)));
}

std::string encode_strings(const std::vector<std::string>& strings) {
  Array array(strings.begin(), strings.end());
  return core::expr::to_json(Value(std::move(array)));
}

std::vector<std::string> decode_strings(std::string_view json) {
  const Value value = parsed(json, "reading a stored list");
  std::vector<std::string> strings;
  if (value.kind() != Kind::array) return strings;
  for (const Value& item : value.array())
    strings.push_back(item.to_string());
  return strings;
}

}  // namespace gantry::daemon::control
