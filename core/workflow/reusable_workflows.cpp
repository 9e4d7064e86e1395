// SPDX-License-Identifier: MIT
#include "core/workflow/reusable_workflows.hpp"

#include "core/base/text.hpp"
#include "core/workflow/call_checks.hpp"
#include "core/workflow/checks.hpp"
#include "core/workflow/memory.hpp"
#include "core/workflow/reader.hpp"

#include <algorithm>
#include <map>

namespace gantry::core::workflow {
namespace {

yaml::Diagnostic limit(std::string message) {
  return {{}, yaml::Severity::error, std::move(message), "", "limit"};
}

// "./x" in the file of another repository means that repository at the same ref.
std::string resolve(std::string_view uses, std::string_view caller) {
  if (!uses.starts_with("./")) return std::string(uses);
  uses.remove_prefix(2);
  const std::size_t at = caller.find('@');
  if (at == std::string_view::npos) return std::string(uses);
  const std::size_t owner = caller.find('/');
  const std::size_t repository = caller.find('/', owner + 1);
  return std::string(caller.substr(0, repository + 1)) + std::string(uses) +
         std::string(caller.substr(at));
}

std::string display_name(const Job& job) {
  if (job.name.is_expression()) return "${{ " + job.name.text + " }}";
  return job.name.text.empty() ? job.id : job.name.text;
}

class Loader {
 public:
  Loader(const FileProvider& provider, const LoadOptions& options)
      : provider_(provider), options_(options) {}

  LoadResult run(std::string_view file, std::string_view text) {
    LoadedWorkflow loaded;
    const bool fine = read(file, text, loaded) && count_jobs(loaded.workflow) &&
                      (loaded.permissions = Permissions::of(loaded.workflow.permissions), true) &&
                      load_calls(loaded, 1);
    if (fine) result_.workflow = std::move(loaded);
    return std::move(result_);
  }

 private:
  bool fine() const { return result_.problems.empty(); }

  void add(const std::string& file, yaml::Diagnostic diagnostic) {
    result_.problems.push_back({file, std::move(diagnostic), "", {}});
  }
  void add_all(const std::string& file, Diagnostics diagnostics) {
    for (yaml::Diagnostic& diagnostic : diagnostics)
      add(file, std::move(diagnostic));
  }

  // Text → workflow; false with problems.
  bool read(std::string_view name, std::string_view text, LoadedWorkflow& loaded) {
    const std::string file(name);
    loaded.file = index_of(file);
    yaml::Document document = yaml::parse(text, options_.yaml);
    if (!document.root) {
      add_all(file, std::move(document.diagnostics));
      return false;
    }
    const Schema& schema = options_.background_steps == BackgroundSteps::allowed
                               ? Schema::workflow()
                               : Schema::without_background_steps();
    ReadResult read = read_tokens(*document.root, schema, "workflow");
    bytes_ += read.bytes;
    if (bytes_ > options_.max_result_bytes) {
      add(file, limit("Maximum object size exceeded"));
      return false;
    }
    // GitHub ends reading at a scalar that it cannot type, and tells the first error of a scalar.
    const yaml::Diagnostic* last = nullptr;
    for (const yaml::Diagnostic& diagnostic : read.diagnostics) {
      const bool before = document.diagnostics.empty() ||
                          diagnostic.position < document.diagnostics.front().position;
      const bool same_scalar = last != nullptr && last->position == diagnostic.position &&
                               last->kind == "expression" && diagnostic.kind == "expression";
      if (before && !same_scalar) add(file, diagnostic);
      last = &diagnostic;
    }
    if (!document.diagnostics.empty()) add(file, std::move(document.diagnostics.front()));
    if (!fine()) return false;
    Diagnostics diagnostics;
    loaded.workflow = convert_workflow(std::move(read.token), name, diagnostics);
    if (diagnostics.empty()) check_needs(loaded.workflow, diagnostics);
    add_all(file, std::move(diagnostics));
    return fine();
  }

  std::size_t index_of(const std::string& file) {
    const auto [found, added] = files_.try_emplace(to_lower(file), result_.files.size());
    if (added) {
      result_.files.push_back(file);
      bytes_ += bytes_of(file);
    }
    return found->second;
  }

  bool count_jobs(const Workflow& workflow) {
    jobs_ += workflow.jobs.size();
    if (options_.max_jobs == 0 || jobs_ <= options_.max_jobs) return true;
    add("", limit("The workflow may not contain more than " + std::to_string(options_.max_jobs) +
                  " jobs"));
    return false;
  }

  bool load_calls(LoadedWorkflow& loaded, std::size_t depth) {
    if (options_.calls == Calls::leave) return true;
    for (const Job& job : loaded.workflow.jobs) {
      if (!job.uses) continue;
      if (depth > options_.max_call_depth) {
        add("", limit("Nested reusable workflow depth exceeded " +
                      std::to_string(options_.max_call_depth) + "."));
        return false;
      }
      CalledWorkflow call{job.id, {}};
      LoadedWorkflow& callee = call.workflow.emplace_back();
      const bool loads = load_call(loaded, job, callee);
      if (!loads) return name_caller(loaded.workflow.file, job.uses->position);
      if (!count_jobs(callee.workflow) || !load_calls(callee, depth + 1)) return false;
      loaded.calls.push_back(std::move(call));
    }
    return true;
  }

  // Problems in the called file tell from where it was called; false, for the caller to return.
  bool name_caller(const std::string& file, yaml::Position position) {
    for (LoadProblem& problem : result_.problems) {
      if (problem.file == file) continue;
      problem.caller = file;
      problem.caller_position = position;
    }
    return false;
  }

  bool load_call(const LoadedWorkflow& caller, const Job& job, LoadedWorkflow& callee) {
    const std::string name = resolve(job.uses->value, caller.workflow.file);
    if (files_.size() >= options_.max_files && !files_.contains(to_lower(name))) {
      add("", limit("The maximum file count of " + std::to_string(options_.max_files) +
                    " has been exceeded"));
      return false;
    }
    const auto text = provider_(name);
    if (!text) {
      add(caller.workflow.file, {job.uses->position, yaml::Severity::error,
                                 "The workflow '" + name + "' was not found", "", "call"});
      return false;
    }
    if (!read(name, *text, callee)) return false;
    CallDiagnostics diagnostics;
    check_call(job, callee.workflow, diagnostics);
    add_all(caller.workflow.file, std::move(diagnostics.caller));
    add_all(name, std::move(diagnostics.callee));
    pass_permissions(caller, job, callee);
    return fine();
  }

  void pass_permissions(const LoadedWorkflow& caller, const Job& job, LoadedWorkflow& callee) {
    const std::string& ref = callee.workflow.file;
    std::optional<Permissions> given = Permissions::of(job.permissions);
    if (!given) given = caller.permissions;
    const Permissions most = given.value_or(options_.default_permissions);
    const auto check = [&](const Permissions& requested, const std::string& who) {
      const auto violations = requested.beyond(most);
      if (violations.empty()) return;
      std::vector<std::string> wanted, allowed;
      for (const auto& violation : violations) {
        wanted.push_back(violation.requested);
        allowed.push_back(violation.allowed);
      }
      add(caller.workflow.file,
          {job.position, yaml::Severity::error,
           "Error calling workflow '" + ref + "'. The " + who + " is requesting '" +
               join(wanted, ", ") + "', but is only allowed '" + join(allowed, ", ") + "'.",
           "", "permissions"});
    };
    callee.permissions = Permissions::of(callee.workflow.permissions);
    if (callee.permissions) check(*callee.permissions, "workflow '" + ref + "'");
    if (!callee.permissions) callee.permissions = given;
    for (const Job& nested : callee.workflow.jobs) {
      const auto own = Permissions::of(nested.permissions);
      if (own) check(*own, "nested job '" + display_name(nested) + "'");
    }
  }

  const FileProvider& provider_;
  const LoadOptions& options_;
  LoadResult result_;
  std::map<std::string, std::size_t> files_;  // lower-case name → place in result_.files
  std::size_t bytes_ = 0;
  std::size_t jobs_ = 0;
};

}  // namespace

LoadResult load_workflow(std::string_view file, std::string_view text, const FileProvider& provider,
                         const LoadOptions& options) {
  return Loader(provider, options).run(file, text);
}

}  // namespace gantry::core::workflow
