// SPDX-License-Identifier: MIT
#include "daemon/runner/checkout.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <map>

namespace gantry::daemon::runner {
namespace {

std::string context_text(const proto::JobMessage& message, std::string_view key) {
  return message.github[key].to_string();
}

}  // namespace

bool is_checkout(std::string_view uses) {
  return core::equals_ignoring_case(uses.substr(0, uses.find('@')), "actions/checkout");
}

core::Result<CheckoutRequest> read_checkout(
    const std::vector<std::pair<std::string, std::string>>& with, const proto::JobMessage& message,
    const std::string& workspace) {
  CheckoutRequest request;
  std::map<std::string, std::string> inputs;
  const std::vector<std::string>& known = git::checkout_input_names();
  for (const auto& [name, value] : with) {
    const std::string lower = core::to_lower(name);
    if (std::find(known.begin(), known.end(), lower) == known.end()) {
      request.warnings.push_back("Unexpected input(s) '" + name + "', valid inputs are [" +
                                 core::join(known, ", ") + "]");
    }
    inputs[lower] = value;
  }
  git::CheckoutContext context;
  context.repository = message.repository.full_name;
  context.ref = context_text(message, "ref");
  context.sha = context_text(message, "sha");
  context.server_url = message.repository.server_url;
  context.token = message.repository.token;
  context.workspace = workspace;
  context.event_name = context_text(message, "event_name");
  const core::expr::Value& event = message.github["event"];
  const core::expr::Value& pull = event["pull_request"];
  const core::expr::Value& run = event["workflow_run"];
  context.head_repository = pull["head"]["repo"]["full_name"].to_string();
  context.head_sha = pull["head"]["sha"].to_string();
  context.merge_sha = pull["merge_commit_sha"].to_string();
  if (context.event_name == "workflow_run") {
    context.head_repository = run["head_repository"]["full_name"].to_string();
    context.head_sha = run["head_sha"].to_string();
  }
  TRY(request.plan, git::plan_checkout(inputs, context));
  return request;
}

}  // namespace gantry::daemon::runner
