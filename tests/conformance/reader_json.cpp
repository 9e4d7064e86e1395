// SPDX-License-Identifier: MIT
#include "tests/conformance/reader_json.hpp"

#include "core/base/text.hpp"

#include <cmath>

namespace gantry::tests {
namespace {

using namespace core::workflow;
using core::expr::Array;
using core::expr::Keys;
using core::expr::Object;
using core::expr::Value;
using core::yaml::Position;

constexpr std::size_t kMaxErrors = 10;
constexpr std::size_t kMaxMessage = 500;

Value number_json(double number) {
  return std::isfinite(number) ? Value(number) : Value(Value(number).to_string());
}

class Writer {
 public:
  explicit Writer(Source source) : source_(source) {}

  Value workflow(const LoadedWorkflow& loaded, const std::vector<std::string>& files) {
    const Workflow& workflow = loaded.workflow;
    Object root(Keys::case_sensitive);
    file_ = loaded.file;
    if (const EventTrigger* trigger = workflow.find_trigger("workflow_dispatch")) {
      Object types(Keys::case_sensitive);
      for (const DispatchInput& input : trigger->inputs)
        types.set(input.name, input.type);
      if (types.size() > 0) root.set("input-types", std::move(types));
    }
    add(root, "env", workflow.env);
    add_permissions(root, loaded.permissions);
    add(root, "defaults", workflow.defaults);
    add(root, "concurrency", workflow.concurrency);
    root.set("jobs", jobs(loaded));
    if (source_ == Source::shown) {
      Array table;
      for (const std::string& file : files)
        table.emplace_back(file);
      root.set("file-table", std::move(table));
    }
    return root;
  }

 private:
  Array jobs(const LoadedWorkflow& loaded) {
    Array array;
    for (const Job& job : loaded.workflow.jobs) {
      file_ = loaded.file;
      array.push_back(job.uses ? calling_job(loaded, job) : ordinary_job(loaded, job));
    }
    return array;
  }

  Object job_start(const LoadedWorkflow& loaded, const Job& job, const char* type) {
    Object object(Keys::case_sensitive);
    object.set("type", type);
    object.set("id", text(job.id, job.position));
    const bool unnamed = job.name.is_null() || (job.name.is_string() && job.name.text.empty());
    object.set("name", unnamed ? text(job.id, job.position) : token(job.name));
    Array needs;
    for (const auto& need : job.needs)
      needs.push_back(text(need.value, need.position));
    if (!needs.empty() || job.uses) object.set("needs", std::move(needs));
    object.set("if", token(job.condition));
    add(object, "strategy", job.strategy);
    add(object, "concurrency", job.concurrency);
    auto permissions = Permissions::of(job.permissions);
    add_permissions(object, permissions ? permissions : loaded.permissions);
    return object;
  }

  Value ordinary_job(const LoadedWorkflow& loaded, const Job& job) {
    Object object = job_start(loaded, job, "job");
    add(object, "env", job.env);
    add(object, "environment", job.environment);
    add(object, "continue-on-error", job.continue_on_error);
    add(object, "timeout-minutes", job.timeout_minutes);
    add(object, "cancel-timeout-minutes", job.cancel_timeout_minutes);
    add(object, "container", job.container);
    add(object, "services", job.services);
    add(object, "defaults", job.defaults);
    add(object, "runs-on", job.runs_on);
    add(object, "outputs", job.outputs);
    add(object, "snapshot", job.snapshot);
    Array steps;
    for (const Step& each : job.steps)
      steps.push_back(step(each));
    if (!steps.empty()) object.set("steps", std::move(steps));
    return object;
  }

  Value calling_job(const LoadedWorkflow& loaded, const Job& job) {
    Object object = job_start(loaded, job, "reusableWorkflowJob");
    object.set("ref", text(job.uses->value, job.uses->position));
    add(object, "input-values", job.with);
    if (job.secrets.is_string()) {
      object.set("inherit-secrets", true);
    } else {
      add(object, "secret-values", job.secrets);
    }
    const LoadedWorkflow* callee = nullptr;
    for (const CalledWorkflow& call : loaded.calls) {
      if (call.job_id == job.id) callee = &call.workflow.front();
    }
    object.set("jobs", Array());
    if (callee == nullptr) return object;
    object.set("ref", text(callee->workflow.file, job.uses->position));  // in full
    file_ = callee->file;
    add_permissions(object, callee->permissions);
    const EventTrigger* trigger = callee->workflow.find_trigger("workflow_call");
    const std::pair<const char*, const char*> parts[] = {
        {"inputs", "input-definitions"}, {"secrets", "secret-definitions"}, {"outputs", "outputs"}};
    for (const auto& [key, name] : parts) {
      if (const Token* part = trigger->call.find(key)) add(object, name, *part);
    }
    add(object, "env", callee->workflow.env);
    add(object, "defaults", callee->workflow.defaults);
    add(object, "embedded-concurrency", callee->workflow.concurrency);
    object.set("jobs", jobs(*callee));
    return object;
  }

  Value step(const Step& step) {
    Object object(Keys::case_sensitive);
    object.set("id", step.id);
    add(object, "name", step.name);
    const bool acts = !step.run.is_null() || step.uses;
    if (acts) object.set("if", token(step.condition));
    add(object, "continue-on-error", step.continue_on_error);
    add(object, "timeout-minutes", step.timeout_minutes);
    add(object, "env", step.env);
    if (step.uses) object.set("uses", text(step.uses->value, step.uses->position));
    add(object, "with", step.with);
    add(object, "working-directory", step.working_directory);
    add(object, "shell", step.shell);
    add(object, "run", step.run);
    add(object, "background", step.background);
    add(object, "cancel", step.cancel);
    if (step.wait.kind == TokenKind::boolean) object.set("wait-all", true);
    if (step.wait.kind == TokenKind::sequence) {
      Array targets;
      for (const Token& target : step.wait.items)
        targets.push_back(token(target));
      object.set("wait", std::move(targets));
    }
    if (!acts && step.name.is_null()) object.set("name", waiting_name(step));
    return object;
  }

  static const char* waiting_name(const Step& step) {
    if (!step.cancel.is_null()) return "Cancel";
    return step.wait.kind == TokenKind::boolean ? "Wait for all" : "Wait";
  }

  static void add_permissions(Object& object, const std::optional<Permissions>& permissions) {
    if (!permissions) return;
    Object levels(Keys::case_sensitive);
    for (std::size_t i = 0; i < Permissions::kScopes.size(); ++i) {
      if (permissions->level(i) == AccessLevel::none) continue;
      levels.set(std::string(Permissions::kScopes[i]), to_string(permissions->level(i)));
    }
    object.set("permissions", std::move(levels));
  }

  void add(Object& object, const char* key, const Token& value) {
    if (!value.is_null()) object.set(key, token(value));
  }

  Value text(const std::string& value, Position position) {
    Token made;
    made.kind = TokenKind::string;
    made.text = value;
    made.position = position;
    return token(made);
  }

  Object place(const Token& token, int type) const {
    Object object(Keys::case_sensitive);
    object.set("type", type);
    if (source_ == Source::hidden || token.position.line == 0) return object;
    object.set("file", static_cast<int>(file_) + 1);
    object.set("line", token.position.line);
    object.set("col", token.position.column);
    return object;
  }

  Value literal(const Token& token, int type, const char* key, Value value) const {
    if (source_ == Source::hidden || token.position.line == 0) return value;
    Object object = place(token, type);
    if (!value.is_null()) object.set(key, std::move(value));
    return object;
  }

  Value token(const Token& token) const {
    switch (token.kind) {
      case TokenKind::null:
        return literal(token, 7, "", Value());
      case TokenKind::boolean:
        return literal(token, 5, "bool", token.boolean);
      case TokenKind::number:
        return literal(token, 6, "num", number_json(token.number));
      case TokenKind::string:
        return literal(token, 0, "lit", token.text);
      case TokenKind::sequence:
      case TokenKind::mapping:
        return collection(token);
      case TokenKind::expression:
      case TokenKind::insert:
        break;
    }
    const bool is_insert = token.kind == TokenKind::insert;
    Object object = place(token, is_insert ? 4 : 3);
    object.set(is_insert ? "directive" : "expr", token.text);
    return object;
  }

  Value collection(const Token& of) const {
    const bool is_mapping = of.kind == TokenKind::mapping;
    Object object = place(of, is_mapping ? 2 : 1);
    Array array;
    for (const Token& item : of.items)
      array.push_back(token(item));
    for (const auto& [key, value] : of.entries) {
      Object entry(Keys::case_sensitive);
      entry.set("Key", token(key));
      entry.set("Value", token(value));
      array.emplace_back(std::move(entry));
    }
    if (!array.empty()) object.set(is_mapping ? "map" : "seq", std::move(array));
    return object;
  }

  Source source_;
  std::size_t file_ = 0;
};

std::string at(Position position) {
  return " (Line: " + std::to_string(position.line) + ", Col: " + std::to_string(position.column) +
         "):";
}

// What GitHub throws while reading has no position.
std::string message_of(const LoadProblem& problem) {
  const core::yaml::Diagnostic& diagnostic = problem.diagnostic;
  std::string message = problem.file;
  if (!message.empty()) {
    const bool thrown = diagnostic.kind == "limit" || diagnostic.kind == "syntax";
    message += (thrown ? ":" : at(diagnostic.position)) + " ";
  }
  message += diagnostic.message;
  if (message.size() > kMaxMessage) message = core::cut_utf8(message, kMaxMessage, "") + "[...]";
  if (problem.caller.empty()) return message;
  return "In " + problem.caller + at(problem.caller_position) + " Error from called workflow " +
         message;
}

}  // namespace

Value reader_json(const LoadResult& result, Source source) {
  if (result.workflow) return Writer(source).workflow(*result.workflow, result.files);
  Array errors;
  for (const LoadProblem& problem : result.problems) {
    if (errors.size() == kMaxErrors) break;
    Object error(Keys::case_sensitive);
    error.set("Message", message_of(problem));
    errors.emplace_back(std::move(error));
  }
  Object root(Keys::case_sensitive);
  root.set("errors", std::move(errors));
  return root;
}

}  // namespace gantry::tests
