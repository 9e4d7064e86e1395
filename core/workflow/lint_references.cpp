// SPDX-License-Identifier: MIT
// Names in expressions that nothing defines, and comparisons that cannot come true.
#include "core/base/text.hpp"
#include "core/workflow/lint_internal.hpp"

#include <algorithm>
#include <span>

namespace gantry::core::workflow {
namespace {

using expr::Kind;
using expr::Node;
using expr::NodeKind;
using Names = std::vector<std::string>;

const Names kGithub = {"action",
                       "action_path",
                       "action_ref",
                       "action_repository",
                       "action_status",
                       "actor",
                       "actor_id",
                       "api_url",
                       "artifacts",
                       "artifacts_list",
                       "base_ref",
                       "env",
                       "event",
                       "event_name",
                       "event_path",
                       "graphql_url",
                       "head_ref",
                       "job",
                       "output",
                       "path",
                       "ref",
                       "ref_name",
                       "ref_protected",
                       "ref_type",
                       "repository",
                       "repository_id",
                       "repository_owner",
                       "repository_owner_id",
                       "repositoryUrl",
                       "retention_days",
                       "run_attempt",
                       "run_id",
                       "run_number",
                       "secret_source",
                       "server_url",
                       "sha",
                       "state",
                       "step_summary",
                       "token",
                       "triggering_actor",
                       "workflow",
                       "workflow_ref",
                       "workflow_sha",
                       "workspace"};
const Names kRunner = {"name",       "os",        "arch",        "temp",
                       "tool_cache", "workspace", "environment", "debug"};
const Names kJob = {"status",       "check_run_id", "container",           "services",
                    "workflow_ref", "workflow_sha", "workflow_repository", "workflow_file_path"};
const Names kStrategy = {"fail-fast", "job-index", "job-total", "max-parallel"};
const Names kNeed = {"result", "outputs"};
const Names kStep = {"outputs", "outcome", "conclusion"};
const Names kResults = {"success", "failure", "cancelled", "skipped"};

bool has(const Names& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& one) { return equals_ignoring_case(one, name); });
}

// The keys of a literal mapping; nothing when some are only known later.
std::optional<Names> literal_keys(const Token& mapping) {
  Names names;
  if (mapping.is_null()) return names;
  if (mapping.kind != TokenKind::mapping) return std::nullopt;
  for (const auto& entry : mapping.entries) {
    if (!entry.key.is_string()) return std::nullopt;
    names.push_back(entry.key.text);
  }
  return names;
}

std::optional<Names> outputs_of_call(const Workflow& called) {
  const EventTrigger* trigger = called.find_trigger("workflow_call");
  if (trigger == nullptr) return std::nullopt;
  const Token* outputs = trigger->call.find("outputs");
  return outputs != nullptr ? literal_keys(*outputs) : Names();
}

std::optional<Names> outputs_of(const LintRun& run, const Job& job) {
  if (!job.uses) return literal_keys(job.outputs);
  if (!run.files.workflow) return std::nullopt;
  const auto called = run.files.workflow(job.uses->value);
  return called ? outputs_of_call(*called) : std::nullopt;
}

// Scripts name their outputs while they run; an action's manifest lists them. Those of composite
// actions are all there is; a program may set more than it lists.
std::optional<Names> outputs_of(const LintRun& run, const Step& step) {
  if (!step.uses || !run.files.action) return std::nullopt;
  const auto action = run.files.action(step.uses->value);
  if (!action || action->kind != ActionKind::composite) return std::nullopt;
  Names names;
  for (const ActionOutput& output : action->outputs)
    names.push_back(output.name);
  return names;
}

std::optional<Names> matrix_keys(const Job& job) {
  Names names;
  if (job.strategy.is_expression()) return std::nullopt;
  const Token* matrix = job.strategy.find("matrix");
  if (matrix == nullptr) return names;
  if (matrix->kind != TokenKind::mapping) return std::nullopt;
  for (const auto& [key, value] : matrix->entries) {
    if (!key.is_string()) return std::nullopt;
    if (key.text == "exclude") continue;
    if (key.text != "include") {
      names.push_back(key.text);
      continue;
    }
    if (value.kind != TokenKind::sequence) return std::nullopt;
    for (const Token& item : value.items) {
      const auto keys = literal_keys(item);
      if (!keys || item.is_null()) return std::nullopt;
      names.insert(names.end(), keys->begin(), keys->end());
    }
  }
  return names;
}

class Reference {
 public:
  Reference(LintRun& run, const LintScope& scope, yaml::Position token, const Node& node)
      : run_(run), scope_(scope), token_(token), path_(constant_path(node)) {
    text_ = is_constant_path(node) ? expr::to_text(node) : join(path_, ".");
  }

  void check() {
    if (path_.size() < 2 || path_[1] == "*") return;
    const std::string root = to_lower(path_[0]);
    if (root == "github") return check_name(kGithub, path_[1], "the github context has no");
    if (root == "runner") return check_name(kRunner, path_[1], "the runner context has no");
    if (root == "job") return check_name(kJob, path_[1], "the job context has no");
    if (root == "strategy") return check_name(kStrategy, path_[1], "the strategy context has no");
    if (root == "needs" && scope_.job != nullptr) return check_needs();
    if (root == "jobs" && scope_.workflow != nullptr) return check_jobs();
    if (root == "steps" && scope_.steps != nullptr) return check_steps();
    if (root == "matrix" && scope_.job != nullptr) return check_matrix();
    if (root == "inputs") return check_inputs();
  }

 private:
  void warn(const std::string& message, std::string kind, std::string hint) {
    run_.warn(run_.find(token_, text_), message, std::move(kind), std::move(hint));
  }

  void check_name(const Names& known, const std::string& name, std::string_view before) {
    if (name == "*" || has(known, name)) return;
    warn("'" + text_ + "' is always empty: " + std::string(before) + " '" + name + "'",
         "unknown-name", suggest(name, known));
  }

  void check_outputs(const std::optional<Names>& outputs, const std::string& of) {
    if (!outputs || path_.size() < 4 || !equals_ignoring_case(path_[2], "outputs")) return;
    if (path_[3] == "*" || has(*outputs, path_[3])) return;
    warn("'" + text_ + "' is always empty: " + of + " has no output '" + path_[3] + "'",
         "unknown-output", suggest(path_[3], *outputs));
  }

  void check_need_of(const Job& job) {
    if (path_.size() < 3) return;
    check_name(kNeed, path_[2], "a needed job has no");
    check_outputs(outputs_of(run_, job), "job '" + job.id + "'");
  }

  void check_needs() {
    Names ids;
    for (const auto& need : scope_.job->needs)
      ids.push_back(need.value);
    const Job* job = scope_.workflow->find_job(path_[1]);
    if (has(ids, path_[1])) return job != nullptr ? check_need_of(*job) : void();
    const bool exists = job != nullptr && job != scope_.job;
    warn("'" + text_ + "' is always empty: job '" + scope_.job->id + "' does not need '" +
             path_[1] + "'",
         "unknown-need", exists ? "add it to the job's 'needs'" : suggest(path_[1], ids));
  }

  void check_jobs() {
    const Job* job = scope_.workflow->find_job(path_[1]);
    if (job != nullptr) return check_need_of(*job);
    Names ids;
    for (const Job& one : scope_.workflow->jobs)
      ids.push_back(one.id);
    warn("'" + text_ + "' is always empty: there is no job '" + path_[1] + "'", "unknown-job",
         suggest(path_[1], ids));
  }

  void check_steps() {
    Names ids;
    const Step* found = nullptr;
    bool is_later = false;
    for (std::size_t i = 0; i < scope_.steps->size(); ++i) {
      const Step& step = (*scope_.steps)[i];
      // Those of a parallel block are known once it is over.
      if (!step.parallel.empty()) return;
      if (equals_ignoring_case(step.id, path_[1])) {
        found = &step;
        is_later = i >= scope_.visible_steps;
      }
      if (i < scope_.visible_steps && !step.has_generated_id()) ids.push_back(step.id);
    }
    if (found != nullptr && is_later) {
      return warn("'" + text_ + "' is still empty here: step '" + path_[1] + "' runs later",
                  "unknown-step", "");
    }
    if (found == nullptr) {
      return warn("'" + text_ + "' is always empty: no step has the id '" + path_[1] + "'",
                  "unknown-step", suggest(path_[1], ids));
    }
    if (path_.size() < 3) return;
    check_name(kStep, path_[2], "a step has no");
    check_outputs(outputs_of(run_, *found), "step '" + path_[1] + "'");
  }

  void check_matrix() {
    const auto keys = matrix_keys(*scope_.job);
    if (!keys || has(*keys, path_[1])) return;
    warn("'" + text_ + "' is always empty: the job's matrix has no '" + path_[1] + "'",
         "unknown-matrix-key", suggest(path_[1], *keys));
  }

  void check_inputs() {
    Names names;
    if (scope_.action != nullptr) {
      for (const ActionInput& input : scope_.action->inputs)
        names.push_back(input.name);
    } else {
      for (const EventTrigger& trigger : scope_.workflow->on) {
        for (const DispatchInput& input : trigger.inputs)
          names.push_back(input.name);
      }
    }
    if (has(names, path_[1])) return;
    warn("'" + text_ + "' is always empty: no input is called '" + path_[1] + "'", "unknown-input",
         suggest(path_[1], names));
  }

  LintRun& run_;
  const LintScope& scope_;
  yaml::Position token_;
  std::vector<std::string> path_;
  std::string text_;
};

const std::string* literal_string(const Node& node) {
  return node.kind == NodeKind::literal && node.value.kind() == Kind::string ? &node.value.string()
                                                                             : nullptr;
}

class Comparison {
 public:
  Comparison(LintRun& run, const LintScope& scope, yaml::Position token, const Node& node)
      : run_(run), scope_(scope), token_(token), node_(node) {}

  void check(const Node& what, const Node& with) {
    if (!is_constant_path(what)) return;
    path_ = constant_path(what);
    for (std::string& part : path_)
      part = to_lower(part);
    if (check_object(with)) return;
    if (const std::string* text = literal_string(with)) check_text(*text);
    if (with.kind == NodeKind::literal && with.value.kind() != Kind::null) check_input(with.value);
  }

 private:
  bool is(std::initializer_list<std::string_view> pattern) const {
    return path_.size() == pattern.size() &&
           std::equal(path_.begin(), path_.end(), pattern.begin(),
                      [](const auto& a, std::string_view b) { return b == "?" || a == b; });
  }

  void warn(const std::string& why, std::string hint = "") {
    const bool never = node_.kind == NodeKind::equal;
    const std::string text = expr::to_text(node_);
    const std::string shown = text.substr(1, text.size() - 2);
    run_.warn(run_.find(token_, shown),
              "'" + shown + "' is always " + (never ? "false" : "true") + ": " + why, "comparison",
              std::move(hint));
  }

  bool check_object(const Node& with) {
    const bool is_object = path_.size() == 1 || is({"github", "event"}) || is({"needs", "?"}) ||
                           is({"steps", "?"}) || is({"needs", "?", "outputs"}) ||
                           is({"steps", "?", "outputs"});
    if (!is_object || with.kind != NodeKind::literal) return false;
    warn("an object equals no value");
    return true;
  }

  void check_among(const std::string& text, const Names& values) {
    if (has(values, text)) return;
    warn("it is never '" + text + "'", suggest(text, values));
  }

  void check_text(const std::string& text) {
    if (is({"needs", "?", "result"}) || is({"steps", "?", "outcome"}) ||
        is({"steps", "?", "conclusion"}) || is({"jobs", "?", "result"})) {
      return check_among(text, kResults);
    }
    if (is({"job", "status"})) return check_among(text, {"success", "failure", "cancelled"});
    if (is({"runner", "os"})) return check_among(text, {"Linux", "Windows", "macOS"});
    if (is({"runner", "arch"})) return check_among(text, {"X86", "X64", "ARM", "ARM64"});
    if (is({"github", "ref_type"})) return check_among(text, {"branch", "tag"});
    if (is({"github", "event_name"})) return check_event(text);
    if (is({"github", "ref"}) && !text.empty() && !text.starts_with("refs/")) {
      warn("github.ref is a full name",
           "compare with 'refs/heads/" + text + "', or github.ref_name");
    }
  }

  void check_event(const std::string& text) {
    if (scope_.workflow == nullptr) return;
    // A called workflow sees its caller's event.
    if (scope_.workflow->find_trigger("workflow_call") != nullptr) return;
    Names events;
    for (const EventTrigger& trigger : scope_.workflow->on)
      events.push_back(trigger.event);
    if (!has(events, text)) warn("'on' does not list '" + text + "'", suggest(text, events));
  }

  // A boolean input compared with text is a number compared with NaN.
  void check_input(const expr::Value& value) {
    if (!is({"inputs", "?"})) return;
    if (scope_.action != nullptr) {
      if (value.kind() != Kind::boolean) return;
      return warn("the inputs of an action are text", "compare with '" + value.to_string() + "'");
    }
    for (const EventTrigger& trigger : scope_.workflow->on) {
      for (const DispatchInput& input : trigger.inputs) {
        if (!equals_ignoring_case(input.name, path_[1]) || input.type != "boolean") continue;
        if (value.kind() != Kind::string || value.string().empty()) return;
        return warn("the input is a boolean",
                    "write inputs." + input.name + ", without a comparison");
      }
    }
  }

  LintRun& run_;
  const LintScope& scope_;
  yaml::Position token_;
  const Node& node_;
  std::vector<std::string> path_;
};

}  // namespace

void lint_reference(LintRun& run, const LintScope& scope, yaml::Position token, const Node& node) {
  Reference(run, scope, token, node).check();
}

void lint_comparison(LintRun& run, const LintScope& scope, yaml::Position token, const Node& node) {
  if (node.kind != NodeKind::equal && node.kind != NodeKind::not_equal) return;
  Comparison(run, scope, token, node).check(node.children[0], node.children[1]);
  Comparison(run, scope, token, node).check(node.children[1], node.children[0]);
}

}  // namespace gantry::core::workflow
