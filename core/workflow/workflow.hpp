// SPDX-License-Identifier: MIT
// A workflow as data. Fields that may hold expressions are Tokens (null when absent) and are
// evaluated when their contexts are known. Source: docs.github.com "Workflow syntax".
#pragma once

#include "core/workflow/token.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gantry::core::workflow {

template <class T>
struct Located {
  T value{};
  yaml::Position position;
};

// Patterns of one filter; absent when the key is absent.
using Filter = std::optional<std::vector<Located<std::string>>>;

struct DispatchInput {
  std::string name;
  std::string type = "string";  // string boolean number choice environment
  std::string description;
  bool required = false;
  Token default_value;
  std::vector<std::string> options;  // choice
  yaml::Position position;
};

// One entry of `on`.
struct EventTrigger {
  std::string event;
  yaml::Position position;
  Filter types, branches, branches_ignore, tags, tags_ignore, paths, paths_ignore;
  Filter workflows;                         // workflow_run
  std::vector<Located<std::string>> crons;  // schedule
  std::vector<std::string> timezones;       // schedule, one for each cron, "" = UTC
  std::vector<DispatchInput> inputs;        // workflow_dispatch, workflow_call
  Token call;                               // workflow_call: inputs, secrets, outputs as read
};

struct Step {
  std::string id;  // as given, or generated ("__run", "__actions_checkout")
  yaml::Position position;
  Token name;
  Token condition;  // an expression, success() && … already added
  std::optional<Located<std::string>> uses;
  Token run;  // string or expression; null when `uses`
  Token with, env, shell, working_directory, timeout_minutes, continue_on_error;
  Token background, cancel;    // background: a literal; cancel: a step's id
  Token wait;                  // sequence of step ids, or true for all
  std::vector<Step> parallel;  // instead of run or uses

  bool has_generated_id() const { return id.starts_with("__"); }
};

struct Job {
  std::string id;
  yaml::Position position;
  std::vector<Located<std::string>> needs;  // spelled as the needed job's id
  Token condition;                          // an expression, success() && … already added
  Token name, runs_on, strategy, env, defaults, outputs, timeout_minutes, cancel_timeout_minutes,
      continue_on_error, concurrency, environment, container, services, permissions, snapshot;
  std::vector<Step> steps;
  // A call of a reusable workflow instead of steps.
  std::optional<Located<std::string>> uses;
  Token with, secrets;
};

struct Workflow {
  std::string file;  // ".github/workflows/ci.yml"
  std::string name;  // `name`, or the file's path
  Token run_name, permissions, env, defaults, concurrency;
  std::vector<EventTrigger> on;
  std::vector<Job> jobs;  // in file order
  yaml::Position on_position, jobs_position;

  const Job* find_job(std::string_view id) const;  // ignoring case
  const EventTrigger* find_trigger(std::string_view event) const;
};

struct ParsedWorkflow {
  std::shared_ptr<const Workflow> workflow;  // null when there are errors
  std::vector<yaml::Diagnostic> diagnostics;
};

// What the workflow asks for and Gantry cannot carry out yet, of kind "unsupported": an error where
// it would change the meaning of a job, a warning for a trigger that merely never fires.
std::vector<yaml::Diagnostic> unsupported(const Workflow& workflow);

// Reads and checks a whole file; never throws on bad input, never stops at the first error.
// The diagnostics are sorted by position and include those of unsupported().
ParsedWorkflow parse_workflow(std::string_view file, std::string_view text);
// The same without unsupported(): what GitHub itself says of the file.
ParsedWorkflow parse_as_github(std::string_view file, std::string_view text);

// The same of a file that has passed parse_workflow, for one who carries out a single job of it:
// no other job is read, and nothing checked between jobs.
ParsedWorkflow parse_job(std::string_view file, std::string_view text, std::string_view job_id);

}  // namespace gantry::core::workflow
