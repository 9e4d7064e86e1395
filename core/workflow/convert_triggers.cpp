// SPDX-License-Identifier: MIT
#include "core/workflow/converter.hpp"

namespace gantry::core::workflow {
namespace {

Filter to_filter(const Token& token) {
  std::vector<Located<std::string>> patterns;
  if (token.is_string()) patterns.push_back({token.text, token.position});
  for (const Token& item : token.items) {
    if (item.is_string()) patterns.push_back({item.text, item.position});
  }
  return patterns;
}

std::string text_of(const Token* token, std::string_view otherwise = "") {
  return token != nullptr && token->is_string() ? token->text : std::string(otherwise);
}

DispatchInput to_input(const Token& name, const Token& body) {
  DispatchInput input;
  input.name = name.text;
  input.position = name.position;
  input.type = text_of(body.find("type"), "string");
  input.description = text_of(body.find("description"));
  const Token* required = body.find("required");
  input.required = required != nullptr && required->boolean;
  if (const Token* value = body.find("default")) input.default_value = *value;
  if (const Token* options = body.find("options")) {
    for (const Token& option : options->items)
      input.options.push_back(option.text);
  }
  return input;
}

void take_inputs(const Token& event, EventTrigger& trigger) {
  const Token* inputs = event.find("inputs");
  if (inputs == nullptr) return;
  for (const auto& [name, body] : inputs->entries)
    trigger.inputs.push_back(to_input(name, body));
}

void take_schedule(const Token& event, EventTrigger& trigger) {
  for (const Token& item : event.items) {
    const Token* cron = item.find("cron");
    if (cron == nullptr) continue;
    trigger.crons.push_back({cron->text, cron->position});
    trigger.timezones.push_back(text_of(item.find("timezone")));
  }
}

EventTrigger to_trigger(const Token& name, const Token& body) {
  EventTrigger trigger;
  trigger.event = name.text;
  trigger.position = name.position;
  const std::pair<std::string_view, Filter*> filters[] = {
      {"types", &trigger.types},
      {"branches", &trigger.branches},
      {"branches-ignore", &trigger.branches_ignore},
      {"tags", &trigger.tags},
      {"tags-ignore", &trigger.tags_ignore},
      {"paths", &trigger.paths},
      {"paths-ignore", &trigger.paths_ignore},
      {"workflows", &trigger.workflows},
  };
  for (const auto& [key, filter] : filters) {
    if (const Token* value = body.find(key)) *filter = to_filter(*value);
  }
  if (trigger.event == "schedule") take_schedule(body, trigger);
  take_inputs(body, trigger);
  if (trigger.event == "workflow_call") trigger.call = body;
  return trigger;
}

}  // namespace

std::vector<EventTrigger> convert_triggers(const Token& on) {
  std::vector<EventTrigger> triggers;
  if (on.is_string()) triggers.push_back(to_trigger(on, {}));
  for (const Token& item : on.items) {
    if (item.is_string()) triggers.push_back(to_trigger(item, {}));
  }
  for (const auto& [name, body] : on.entries) {
    if (name.is_string()) triggers.push_back(to_trigger(name, body));
  }
  return triggers;
}

}  // namespace gantry::core::workflow
