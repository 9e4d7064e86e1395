// SPDX-License-Identifier: MIT
#include "daemon/control/active.hpp"

#include "core/base/error.hpp"

namespace gantry::daemon::control {
namespace {

using core::expr::Object;
using core::expr::Value;

}  // namespace

std::string encode(const LegPlan& plan) {
  Object object;
  object.set("matrix", plan.matrix);
  object.set("strategy", plan.strategy);
  object.set("leg_total", plan.leg_total);
  object.set("max_parallel", plan.max_parallel);
  object.set("fail_fast", plan.fail_fast);
  object.set("continue_on_error", plan.continue_on_error);
  if (plan.timeout) object.set("timeout_ms", static_cast<double>(plan.timeout->count()));
  if (!plan.runner_group.empty()) object.set("runner_group", plan.runner_group);
  if (!plan.environment.empty()) object.set("environment", plan.environment);
  if (plan.concurrency) {
    Object concurrency;
    concurrency.set("group", plan.concurrency->group);
    concurrency.set("cancel_in_progress", plan.concurrency->cancel_in_progress);
    concurrency.set("queue_max", plan.concurrency->queue == core::run::Queue::max);
    object.set("concurrency", Value(std::move(concurrency)));
  }
  return core::expr::to_json(Value(std::move(object)));
}

LegPlan decode_leg_plan(std::string_view json) {
  const Value value = core::or_throw(core::expr::parse_json(json), "reading a stored job");
  LegPlan plan;
  plan.matrix = value["matrix"];
  plan.strategy = value["strategy"];
  if (!value["leg_total"].is_null()) plan.leg_total = static_cast<int>(value["leg_total"].number());
  if (!value["max_parallel"].is_null()) {
    plan.max_parallel = static_cast<int>(value["max_parallel"].number());
  }
  if (!value["fail_fast"].is_null()) plan.fail_fast = value["fail_fast"].truthy();
  plan.continue_on_error = value["continue_on_error"].truthy();
  if (!value["timeout_ms"].is_null()) {
    plan.timeout =
        std::chrono::milliseconds(static_cast<std::int64_t>(value["timeout_ms"].number()));
  }
  plan.runner_group = value["runner_group"].to_string();
  plan.environment = value["environment"].to_string();
  const Value& concurrency = value["concurrency"];
  if (!concurrency.is_null()) {
    core::run::Concurrency read;
    read.group = concurrency["group"].to_string();
    read.cancel_in_progress = concurrency["cancel_in_progress"].truthy();
    if (concurrency["queue_max"].truthy()) read.queue = core::run::Queue::max;
    plan.concurrency = read;
  }
  return plan;
}

}  // namespace gantry::daemon::control
