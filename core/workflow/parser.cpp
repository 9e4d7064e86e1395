// SPDX-License-Identifier: MIT
#include "core/base/text.hpp"
#include "core/workflow/checks.hpp"
#include "core/workflow/memory.hpp"
#include "core/workflow/reader.hpp"

#include <algorithm>
#include <set>

namespace gantry::core::workflow {

void append_stage(Diagnostics& to, Diagnostics stage) {
  std::set<yaml::Position> wrong;
  for (const yaml::Diagnostic& known : to) {
    if (known.severity == yaml::Severity::error) wrong.insert(known.position);
  }
  for (yaml::Diagnostic& diagnostic : stage) {
    if (!wrong.contains(diagnostic.position)) to.push_back(std::move(diagnostic));
  }
}

void tidy(Diagnostics& diagnostics) {
  constexpr std::size_t kMaxMessage = 500;
  std::stable_sort(diagnostics.begin(), diagnostics.end(),
                   [](const auto& a, const auto& b) { return a.position < b.position; });
  for (yaml::Diagnostic& diagnostic : diagnostics)
    diagnostic.message = cut_utf8(diagnostic.message, kMaxMessage, "[...]");
  if (diagnostics.size() <= kMaxDiagnostics) return;
  const bool wrong = has_errors(diagnostics);
  diagnostics.resize(kMaxDiagnostics);
  // An error among what is left out must not make the file pass.
  if (wrong) add_error(diagnostics, diagnostics.back().position, "There are more errors", "limit");
}

namespace {

void keep_only(std::string_view job_id, yaml::Node& root) {
  for (auto& [key, value] : root.entries) {
    if (key.text != "jobs") continue;
    std::erase_if(value.entries,
                  [&](const auto& entry) { return !equals_ignoring_case(entry.key.text, job_id); });
  }
}

// The workflow also where there are errors. With `only_job` no other is read, and nothing checked
// between jobs.
ParsedWorkflow read_workflow(std::string_view file, std::string_view text,
                             std::string_view only_job = {}) {
  ParsedWorkflow parsed;
  Diagnostics& diagnostics = parsed.diagnostics;
  yaml::Document document = yaml::parse(text);
  diagnostics = std::move(document.diagnostics);
  tidy(diagnostics);
  if (!document.root) return parsed;
  if (!only_job.empty()) keep_only(only_job, *document.root);
  ReadResult read = read_tokens(*document.root, Schema::workflow(), "workflow-strict");
  append_stage(diagnostics, std::move(read.diagnostics));
  if (read.bytes > kMaxResultBytes) {
    add_error(diagnostics, {}, "Maximum object size exceeded", "limit",
              "10 MiB as GitHub counts; aliases count each time");
    return parsed;
  }
  Diagnostics converted, checked;
  auto workflow =
      std::make_shared<Workflow>(convert_workflow(std::move(read.token), file, converted));
  append_stage(diagnostics, std::move(converted));
  if (only_job.empty()) {
    check_needs(*workflow, checked);
    check_workflow(*workflow, checked);
  }
  append_stage(diagnostics, std::move(checked));
  parsed.workflow = std::move(workflow);
  return parsed;
}

ParsedWorkflow finish(ParsedWorkflow parsed) {
  tidy(parsed.diagnostics);
  if (has_errors(parsed.diagnostics)) parsed.workflow.reset();
  return parsed;
}

}  // namespace

ParsedWorkflow parse_workflow(std::string_view file, std::string_view text) {
  ParsedWorkflow parsed = read_workflow(file, text);
  if (parsed.workflow) append_stage(parsed.diagnostics, unsupported(*parsed.workflow));
  return finish(std::move(parsed));
}

ParsedWorkflow parse_job(std::string_view file, std::string_view text, std::string_view job_id) {
  ParsedWorkflow parsed = read_workflow(file, text, job_id);
  if (parsed.workflow) append_stage(parsed.diagnostics, unsupported(*parsed.workflow));
  return finish(std::move(parsed));
}

ParsedWorkflow parse_as_github(std::string_view file, std::string_view text) {
  return finish(read_workflow(file, text));
}

}  // namespace gantry::core::workflow
