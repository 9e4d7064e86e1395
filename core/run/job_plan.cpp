// SPDX-License-Identifier: MIT
#include "core/run/job_plan.hpp"

#include "core/base/text.hpp"
#include "core/run/selection.hpp"
#include "core/workflow/matrix.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace gantry::core::run {
namespace {

using expr::Kind;
using expr::Value;
using workflow::Job;
using workflow::Token;

constexpr std::size_t kMaxReasons = 20;
constexpr std::size_t kMaxShownValue = 100;
constexpr std::size_t kMaxEnvironmentName = 255;
constexpr double kMaxTimeoutMinutes = 1e7;

// GitHub's frame around an error found while a run goes on.
yaml::Diagnostic in_job(yaml::Diagnostic diagnostic, std::string_view key, const Job& job) {
  diagnostic.message = "Error when evaluating '" + std::string(key) + "' for job '" + job.id +
                       "'. " + diagnostic.message;
  return diagnostic;
}

auto refuse(const Token& token, std::string message, std::string_view key, const Job& job) {
  return tl::unexpected(in_job(diagnostic_at(token.position, std::move(message)), key, job));
}

std::string unexpected_value(const Value& value) {
  return "Unexpected value '" + cut_utf8(value.to_string(), kMaxShownValue) + "'";
}

Evaluated<Value> value_of(const Token& token, std::string_view key, const Job& job,
                          const expr::Environment& environment) {
  auto value = workflow::evaluate(token, environment);
  if (!value) return tl::unexpected(in_job(std::move(value.error()), key, job));
  return value;
}

bool among(std::span<const Value> names, const std::string& id) {
  return names.empty() || std::any_of(names.begin(), names.end(), [&](const Value& name) {
           return equals_ignoring_case(name.to_string(), id);
         });
}

// A cancelled run has neither succeeded nor failed, as a cancelled job's steps have not.
Value call_status(const Ancestry& status, std::string_view name, std::span<const Value> names) {
  if (name == "always") return true;
  if (name == "cancelled") return status.run_cancelled;
  if (status.run_cancelled) return false;
  bool all_succeeded = true, any_failed = false;
  for (const auto& [id, conclusion] : status.ancestors) {
    if (!among(names, id)) continue;
    all_succeeded = all_succeeded && conclusion == Conclusion::success;
    any_failed = any_failed || conclusion == Conclusion::failure;
  }
  return name == "success" ? all_succeeded : any_failed;
}

// Collects why a condition came out as it did.
class Reasons {
 public:
  void status(const Ancestry& status) {
    if (status.run_cancelled) add("the run was cancelled");
    for (const auto& [id, conclusion] : status.ancestors) {
      if (conclusion == Conclusion::success) continue;
      add("'" + id + "' concluded " + std::string(to_string(conclusion)));
    }
  }
  void value(const expr::Node& node, const Value& value) {
    const bool shown = node.kind == expr::NodeKind::index && value.kind() != Kind::object &&
                       value.kind() != Kind::array;
    if (!shown) return;
    add(expr::to_text(node) + " is " +
        (value.is_null() ? "null" : "'" + cut_utf8(value.to_string(), kMaxShownValue) + "'"));
  }
  std::vector<std::string> take() { return std::move(reasons_); }

 private:
  void add(std::string reason) {
    const bool known = std::find(reasons_.begin(), reasons_.end(), reason) != reasons_.end();
    if (!known && reasons_.size() < kMaxReasons) reasons_.push_back(std::move(reason));
  }
  std::vector<std::string> reasons_;
};

yaml::Position position_of(const Token& token, const std::vector<std::string>& path) {
  const Token* at = &token;
  for (const std::string& part : path) {
    const Token* next = nullptr;
    for (const auto& [key, item] : at->entries) {
      if (key.is_string() && equals_ignoring_case(key.text, part)) next = &item;
    }
    std::size_t index = 0;
    const auto read = std::from_chars(part.data(), part.data() + part.size(), index);
    if (next == nullptr && read.ec == std::errc() && index < at->items.size()) {
      next = &at->items[index];
    }
    if (next == nullptr) break;
    at = next;
  }
  return at->position;
}

Evaluated<workflow::Strategy> strategy_of(const Job& job, const expr::Environment& environment) {
  const auto value = value_of(job.strategy, "strategy", job, environment);
  if (!value) return tl::unexpected(value.error());
  auto strategy = workflow::expand_strategy(*value);
  if (strategy.problems.empty()) return strategy;
  const auto& problem = strategy.problems.front();
  yaml::Diagnostic diagnostic =
      diagnostic_at(position_of(job.strategy, problem.path), problem.message);
  diagnostic.kind = "matrix";
  return tl::unexpected(in_job(std::move(diagnostic), "strategy", job));
}

// Labels of `runs-on`: a text, a list, or a mapping with labels and group.
bool read_labels(const Value& value, std::vector<std::string>& labels) {
  if (value.kind() == Kind::object) return false;
  if (value.kind() != Kind::array) {
    labels.push_back(value.to_string());
  } else {
    for (const Value& item : value.array()) {
      if (item.kind() == Kind::array || item.kind() == Kind::object) return false;
      labels.push_back(item.to_string());
    }
  }
  return std::none_of(labels.begin(), labels.end(),
                      [](const std::string& label) { return trim(label).empty(); });
}

using Problem = std::optional<yaml::Diagnostic>;

Problem read_runs_on(const Job& job, const expr::Environment& environment, CreateLeg& leg) {
  const auto value = value_of(job.runs_on, "runs-on", job, environment);
  if (!value) return value.error();
  const bool mapping = value->kind() == Kind::object;
  const Value& labels = mapping ? (*value)["labels"] : *value;
  if (mapping) leg.runner_group = (*value)["group"].to_string();
  const bool group_only = labels.is_null() && !leg.runner_group.empty();
  if (group_only) return std::nullopt;
  if (!read_labels(labels, leg.labels) || leg.labels.empty()) {
    return refuse(job.runs_on, unexpected_value(labels), "runs-on", job).value();
  }
  return std::nullopt;
}

Problem read_name(const Job& job, const expr::Environment& environment,
                  const workflow::MatrixLeg& matrix, CreateLeg& leg) {
  std::string name = plain_name(job) + workflow::name_suffix(matrix);
  if (job.name.is_expression()) {
    const auto value = value_of(job.name, "name", job, environment);
    if (!value) return value.error();
    if (!value->to_string().empty()) name = value->to_string();
  }
  leg.name = workflow::shorten_job_name(name);
  return std::nullopt;
}

Problem read_limits(const Job& job, const expr::Environment& environment, CreateLeg& leg) {
  const auto tolerated = value_of(job.continue_on_error, "continue-on-error", job, environment);
  if (!tolerated) return tolerated.error();
  if (tolerated->kind() == Kind::boolean) {
    leg.continue_on_error = tolerated->boolean();
  } else if (!job.continue_on_error.is_null()) {
    return refuse(job.continue_on_error, unexpected_value(*tolerated), "continue-on-error", job)
        .value();
  }
  const auto timeout = value_of(job.timeout_minutes, "timeout-minutes", job, environment);
  if (!timeout) return timeout.error();
  if (job.timeout_minutes.is_null()) return std::nullopt;
  const double minutes = timeout->kind() == Kind::number ? timeout->number() : NAN;
  if (!(minutes > 0)) {
    return refuse(job.timeout_minutes, unexpected_value(*timeout), "timeout-minutes", job).value();
  }
  leg.timeout = std::chrono::milliseconds(
      static_cast<std::int64_t>(std::min(minutes, kMaxTimeoutMinutes) * 60000));
  return std::nullopt;
}

Problem read_job_concurrency(const Job& job, const expr::Environment& environment, CreateLeg& leg) {
  if (job.concurrency.is_null()) return std::nullopt;
  const auto value = value_of(job.concurrency, "concurrency", job, environment);
  if (!value) return value.error();
  auto concurrency = read_concurrency(*value);
  if (!concurrency) {
    return refuse(job.concurrency, concurrency.error().message, "concurrency", job).value();
  }
  leg.concurrency = *std::move(concurrency);
  return std::nullopt;
}

// The name alone: `url` is known at the job's end.
Problem read_environment(const Job& job, const expr::Environment& environment, CreateLeg& leg) {
  const Token* name = job.environment.find("name");
  const Token& token = name != nullptr ? *name : job.environment;
  const auto value = value_of(token, "environment", job, environment);
  if (!value) return value.error();
  const Value& text = value->kind() == Kind::object ? (*value)["name"] : *value;
  if (text.kind() == Kind::object || text.kind() == Kind::array ||
      text.to_string().size() > kMaxEnvironmentName) {
    return refuse(token, unexpected_value(text), "environment", job).value();
  }
  leg.environment = text.to_string();
  return std::nullopt;
}

Value strategy_context(const workflow::Strategy& strategy, std::size_t index) {
  const int total = static_cast<int>(strategy.legs.size());
  expr::Object object;
  object.set("fail-fast", strategy.fail_fast);
  object.set("job-index", static_cast<int>(index));
  object.set("job-total", total);
  object.set("max-parallel", strategy.max_parallel > 0 ? strategy.max_parallel : total);
  return object;
}

Evaluated<CreateLeg> plan_leg(const Job& job, const expr::Object& contexts,
                              const workflow::Strategy& strategy, std::size_t index) {
  CreateLeg leg;
  leg.key = {job.id, static_cast<int>(index)};
  leg.matrix = strategy.legs[index].matrix;
  leg.strategy = strategy_context(strategy, index);
  leg.leg_total = static_cast<int>(strategy.legs.size());
  leg.max_parallel = strategy.max_parallel;
  leg.fail_fast = strategy.fail_fast;
  expr::Environment environment{.contexts = contexts};
  environment.contexts.set("matrix", leg.matrix);
  environment.contexts.set("strategy", leg.strategy);
  Problem problem = read_name(job, environment, strategy.legs[index], leg);
  if (!problem && !job.uses) problem = read_runs_on(job, environment, leg);
  if (!problem && !job.uses) problem = read_limits(job, environment, leg);
  if (!problem) problem = read_environment(job, environment, leg);
  if (!problem) problem = read_job_concurrency(job, environment, leg);
  if (problem) return tl::unexpected(*std::move(problem));
  return leg;
}

}  // namespace

yaml::Diagnostic diagnostic_at(yaml::Position position, std::string message) {
  return {.position = position, .message = std::move(message), .kind = "expression"};
}

std::string plain_name(const Job& job) {
  return job.name.is_string() && !job.name.text.empty() ? job.name.text : job.id;
}

std::string condition_text(const Job& job) {
  if (job.condition.is_null()) return "success()";
  if (!job.condition.text.empty()) return job.condition.text;
  return job.condition.expression ? std::string(job.condition.expression->text()) : "";
}

Evaluated<Condition> evaluate_condition(const Job& job, const expr::Object& contexts,
                                        const Ancestry& status, const Observer& observe) {
  Condition condition;
  Reasons reasons;
  if (job.condition.is_null()) {
    condition.holds = call_status(status, "success", {}).truthy();
    reasons.status(status);
    condition.because = reasons.take();
    return condition;
  }
  expr::Environment environment{.contexts = contexts};
  environment.call = [&](std::string_view name, std::span<const Value> names) -> Result<Value> {
    if (name == "success" || name == "failure" || name == "cancelled") reasons.status(status);
    return call_status(status, name, names);
  };
  environment.observe = [&](const expr::Node& node, const Value& value) {
    reasons.value(node, value);
    if (observe) observe(node, value);
  };
  const auto value = value_of(job.condition, "if", job, environment);
  if (!value) return tl::unexpected(value.error());
  condition.holds = value->truthy();
  condition.because = reasons.take();
  return condition;
}

Evaluated<std::vector<CreateLeg>> plan_legs(const Job& job, const expr::Object& contexts) {
  auto strategy = strategy_of(job, {.contexts = contexts});
  if (!strategy) return tl::unexpected(strategy.error());
  const Value* github = contexts.find("github");
  const Selection selection = selection_of(github != nullptr ? (*github)["event"] : Value());
  std::erase_if(strategy->legs, [&](const auto& leg) { return !is_selected(leg, selection); });
  if (strategy->legs.empty()) {
    return tl::unexpected(
        diagnostic_at(job.position, "No leg of the matrix has the values asked for"));
  }
  std::vector<CreateLeg> legs;
  for (std::size_t i = 0; i < strategy->legs.size(); ++i) {
    auto leg = plan_leg(job, contexts, *strategy, i);
    if (!leg) return tl::unexpected(std::move(leg.error()));
    legs.push_back(*std::move(leg));
  }
  return legs;
}

}  // namespace gantry::core::run
