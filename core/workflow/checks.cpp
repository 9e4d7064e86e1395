// SPDX-License-Identifier: MIT
#include "core/workflow/checks.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <map>

namespace gantry::core::workflow {
namespace {

constexpr std::size_t kMaxDispatchInputs = 25;
constexpr std::size_t kMaxShownCycle = 50;

// Jobs and what each still waits for; what is left when nothing more can finish never starts.
class NeedsCheck {
 public:
  NeedsCheck(const Workflow& workflow, Diagnostics& diagnostics)
      : workflow_(workflow), diagnostics_(diagnostics) {
    for (const Job& job : workflow.jobs)
      by_id_.emplace(to_lower(job.id), &job);
  }

  void run() {
    const auto& jobs = workflow_.jobs;
    if (jobs.empty() && workflow_.jobs_position.line == 0) return;  // no `jobs` at all
    if (std::none_of(jobs.begin(), jobs.end(), [](const Job& job) { return job.needs.empty(); })) {
      return add_error(diagnostics_, workflow_.jobs_position,
                       "The workflow must contain at least one job with no dependencies.", "needs",
                       why_none_starts());
    }
    finish_what_can();
    for (const Job& job : jobs) {
      if (diagnostics_.size() >= kMaxDiagnostics) return;
      if (!finished_.contains(&job)) report(job);
    }
  }

 private:
  const Job* find(const std::string& id) const {
    const auto found = by_id_.find(to_lower(id));
    return found == by_id_.end() ? nullptr : found->second;
  }

  void finish_what_can() {
    std::map<const Job*, std::vector<const Job*>> dependants;
    std::map<const Job*, std::size_t> open;
    std::vector<const Job*> ready;
    for (const Job& job : workflow_.jobs) {
      open[&job] = job.needs.size();
      if (job.needs.empty()) ready.push_back(&job);
      for (const auto& need : job.needs) {
        if (const Job* needed = find(need.value)) dependants[needed].push_back(&job);
      }
    }
    while (!ready.empty()) {
      const Job* job = ready.back();
      ready.pop_back();
      finished_.emplace(job, true);
      for (const Job* dependant : dependants[job]) {
        if (--open[dependant] == 0) ready.push_back(dependant);
      }
    }
  }

  std::string why_none_starts() const {
    for (const Job& job : workflow_.jobs) {
      for (const auto& need : job.needs) {
        if (find(need.value) == nullptr) {
          return "job '" + job.id + "' needs '" + need.value + "', which does not exist";
        }
      }
    }
    return workflow_.jobs.empty() ? "there is no job" : describe_cycle(workflow_.jobs.front());
  }

  void unknown(const Job& job, const Located<std::string>& need) {
    std::vector<std::string> names;
    for (const Job& other : workflow_.jobs)
      names.push_back(other.id);
    const std::string near = closest_match(need.value, names);
    add_error(diagnostics_, need.position,
              "Job '" + job.id + "' depends on unknown job '" + need.value + "'.", "needs",
              near.empty() ? "" : "did you mean '" + near + "'?");
  }

  void report(const Job& job) {
    for (const auto& need : job.needs) {
      if (diagnostics_.size() >= kMaxDiagnostics) return;
      const Job* needed = find(need.value);
      if (needed == nullptr) {
        unknown(job, need);
      } else if (!finished_.contains(needed)) {
        add_error(diagnostics_, need.position,
                  "Job '" + job.id + "' depends on job '" + need.value +
                      "' which creates a cycle in the dependency graph.",
                  "needs", describe_cycle(*needed));
      }
    }
  }

  // "the cycle: a → b → a", of the first one that following unfinished needs runs into.
  std::string describe_cycle(const Job& start) const {
    std::vector<const Job*> path;
    for (const Job* job = &start; job != nullptr; job = first_unfinished_need(*job)) {
      const auto again = std::find(path.begin(), path.end(), job);
      if (again != path.end()) {
        std::string text = "the cycle: ";
        for (auto at = again; at != path.end(); ++at)
          text += (*at)->id + " → ";
        return text + job->id;
      }
      if (path.size() == kMaxShownCycle) return "";
      path.push_back(job);
    }
    return "";
  }

  const Job* first_unfinished_need(const Job& job) const {
    for (const auto& need : job.needs) {
      const Job* needed = find(need.value);
      if (needed != nullptr && !finished_.contains(needed)) return needed;
    }
    return nullptr;
  }

  const Workflow& workflow_;
  Diagnostics& diagnostics_;
  std::map<std::string, const Job*> by_id_;
  std::map<const Job*, bool> finished_;
};

void check_filters(const EventTrigger& trigger, Diagnostics& diagnostics) {
  struct Pair {
    std::string_view name;
    const Filter& positive;
    const Filter& negative;
  };
  const Pair pairs[] = {{"branches", trigger.branches, trigger.branches_ignore},
                        {"tags", trigger.tags, trigger.tags_ignore},
                        {"paths", trigger.paths, trigger.paths_ignore}};
  for (const Pair& pair : pairs) {
    if (!pair.positive || !pair.negative) continue;
    const auto& patterns = *pair.negative;
    const std::string name(pair.name);
    add_error(
        diagnostics, patterns.empty() ? trigger.position : patterns.front().position,
        "you may only define one of `" + name + "` and `" + name + "-ignore` for a single event",
        "trigger", "put '!pattern' into " + name + " instead");
  }
}

bool default_fits(const DispatchInput& input) {
  const Token& value = input.default_value;
  if (value.is_null() || value.is_expression()) return true;
  if (input.type == "boolean") return value.kind == TokenKind::boolean;
  if (input.type == "number") return value.kind == TokenKind::number;
  if (input.type != "choice") return true;
  return !value.is_string() ||
         std::find(input.options.begin(), input.options.end(), value.text) != input.options.end();
}

void check_inputs(const EventTrigger& trigger, Diagnostics& diagnostics) {
  for (const DispatchInput& input : trigger.inputs) {
    if (input.type == "choice" && input.options.empty()) {
      add_error(diagnostics, input.position, "Missing 'options' for choice input", "trigger");
    } else if (input.type != "choice" && !input.options.empty()) {
      add_error(diagnostics, input.position, "Input type is not 'choice', but 'options' is defined",
                "trigger");
    } else if (!default_fits(input)) {
      add_error(diagnostics, input.default_value.position,
                "The default of input '" + input.name + "' does not fit its type " + input.type,
                "trigger",
                input.type == "choice" ? "one of the options: " + join(input.options, ", ") : "");
    }
  }
  if (trigger.event == "workflow_dispatch" && trigger.inputs.size() > kMaxDispatchInputs) {
    add_error(diagnostics, trigger.position, "workflow_dispatch may have at most 25 inputs",
              "trigger");
  }
}

bool names_workflow(std::string_view uses) {
  constexpr std::string_view kFolder = ".github/workflows/";
  std::string_view path = uses;
  if (uses.starts_with("./")) {
    path.remove_prefix(2);
    if (path.find('@') != std::string_view::npos) return false;
  } else {
    const std::size_t at = uses.find('@');
    if (at == std::string_view::npos || at + 1 == uses.size()) return false;
    path = uses.substr(0, at);
    for (int part = 0; part < 2; ++part) {
      const std::size_t slash = path.find('/');
      if (slash == 0 || slash == std::string_view::npos) return false;
      path.remove_prefix(slash + 1);
    }
  }
  if (!path.starts_with(kFolder)) return false;
  path.remove_prefix(kFolder.size());
  return path.find('/') == std::string_view::npos &&
         (path.ends_with(".yml") || path.ends_with(".yaml"));
}

}  // namespace

void check_needs(const Workflow& workflow, Diagnostics& diagnostics) {
  NeedsCheck(workflow, diagnostics).run();
}

void check_workflow(const Workflow& workflow, Diagnostics& diagnostics) {
  for (const EventTrigger& trigger : workflow.on) {
    check_filters(trigger, diagnostics);
    check_inputs(trigger, diagnostics);
  }
  for (const Job& job : workflow.jobs) {
    if (!job.uses || names_workflow(job.uses->value)) continue;
    add_error(diagnostics, job.uses->position,
              "'" + job.uses->value + "' is not a reusable workflow", "job",
              "expected ./.github/workflows/FILE.yml or OWNER/REPO/.github/workflows/FILE.yml@REF");
  }
}

}  // namespace gantry::core::workflow
