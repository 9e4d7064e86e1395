// SPDX-License-Identifier: MIT
#include "core/workflow/dispatch.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

namespace gantry::core::workflow {
namespace {

constexpr std::size_t kMaxPayload = 65535;

const DispatchInput* find_input(const EventTrigger& trigger, std::string_view name) {
  for (const auto& input : trigger.inputs) {
    if (equals_ignoring_case(input.name, name)) return &input;
  }
  return nullptr;
}

// A default as written; an expression has no value before there is a run.
expr::Value literal(const Token& token) {
  switch (token.kind) {
    case TokenKind::boolean:
      return token.boolean;
    case TokenKind::number:
      return token.number;
    case TokenKind::string:
      return token.text;
    case TokenKind::null:
    case TokenKind::sequence:
    case TokenKind::mapping:
    case TokenKind::expression:
    case TokenKind::insert:
      break;
  }
  return nullptr;
}

// The value in the input's type, or why it does not fit.
struct Fitted {
  expr::Value value;
  std::string problem;
};

Fitted fit(const DispatchInput& input, const expr::Value& given) {
  const std::string quoted = "'" + given.to_string() + "'";
  if (given.kind() == expr::Kind::array || given.kind() == expr::Kind::object) {
    return {{}, "Provided value for input '" + input.name + "' must be a string"};
  }
  if (input.type == "boolean") {
    const std::string text = given.to_string();
    if (text == "true" || text == "false") return {text == "true", ""};
    if (text.empty()) return {false, ""};
    return {{}, "Provided value " + quoted + " for input '" + input.name + "' not a boolean"};
  }
  if (input.type == "number") {
    if (given.to_string().empty()) return {};
    const double number = given.to_number();
    if (std::isnan(number)) {
      return {{}, "Provided value " + quoted + " for input '" + input.name + "' not a number"};
    }
    return {number, ""};
  }
  const auto& options = input.options;
  const std::string text = given.to_string();
  const bool unset = text.empty() && !input.required;
  if (input.type == "choice" && !unset &&
      std::find(options.begin(), options.end(), text) == options.end()) {
    return {{},
            "Provided value " + quoted + " for input '" + input.name +
                "' not in the list of allowed values: " + join(options, ", ")};
  }
  return {text, ""};
}

std::string unexpected(const EventTrigger& trigger, const expr::Object& given) {
  std::vector<std::string> names;
  for (const auto& [name, value] : given.entries()) {
    if (find_input(trigger, name) == nullptr) names.push_back("\"" + name + "\"");
  }
  return names.empty() ? "" : "Unexpected inputs provided: [" + join(names, ", ") + "]";
}

}  // namespace

Result<DispatchInputs> check_inputs(const EventTrigger& trigger, const expr::Value& given) {
  const bool none = given.is_null();
  if (!none && given.kind() != expr::Kind::object) {
    return fail(Errc::invalid, "reading inputs: they must be an object of names and values");
  }
  if (!none && expr::to_json(given).size() > kMaxPayload) {
    return fail(Errc::too_large, "inputs are too large.");
  }
  std::vector<std::string> problems;
  if (!none) {
    std::string text = unexpected(trigger, given.object());
    if (!text.empty()) problems.push_back(std::move(text));
  }
  expr::Object typed, strings;
  for (const DispatchInput& input : trigger.inputs) {
    const expr::Value* value = none ? nullptr : given.object().find(input.name);
    expr::Value chosen = value != nullptr ? *value : literal(input.default_value);
    // A choice without a default starts at its first option.
    if (chosen.is_null() && input.type == "choice" && !input.required && !input.options.empty()) {
      chosen = input.options.front();
    }
    if (input.required && chosen.to_string().empty() && input.type != "boolean") {
      problems.push_back("Required input '" + input.name + "' not provided");
      continue;
    }
    Fitted fitted = fit(input, chosen);
    if (!fitted.problem.empty()) {
      problems.push_back(std::move(fitted.problem));
      continue;
    }
    strings.set(input.name, (input.type == "boolean" ? fitted.value : chosen).to_string());
    typed.set(input.name, std::move(fitted.value));
  }
  if (!problems.empty()) return fail(Errc::invalid, join(problems, "; "));
  return DispatchInputs{std::move(typed), std::move(strings)};
}

Event dispatch_event(const Repository& repository, const Actor& sender, std::string_view ref,
                     std::string_view sha, const Workflow& workflow, const DispatchInputs& inputs) {
  Event event;
  event.name = "workflow_dispatch";
  event.repository = repository;
  event.sender = sender;
  set_ref(event, ref.starts_with("refs/") ? std::string(ref) : "refs/heads/" + std::string(ref));
  event.sha = event.head_sha = sha;
  event.workflow_file = workflow.file;

  expr::Object owner, repo, user, payload;
  owner.set("login", repository.owner);
  owner.set("id", repository.owner_id);
  repo.set("id", repository.id);
  repo.set("name", repository.name);
  repo.set("full_name", repository.full_name);
  repo.set("private", repository.is_private);
  repo.set("owner", std::move(owner));
  repo.set("html_url", repository.html_url);
  repo.set("clone_url", repository.clone_url);
  repo.set("ssh_url", repository.ssh_url);
  repo.set("default_branch", repository.default_branch);
  user.set("login", sender.login);
  user.set("id", sender.id);
  payload.set("inputs", inputs.strings);
  payload.set("ref", event.ref);
  payload.set("repository", std::move(repo));
  payload.set("sender", std::move(user));
  payload.set("workflow", workflow.file);
  event.payload = std::move(payload);
  return event;
}

}  // namespace gantry::core::workflow
