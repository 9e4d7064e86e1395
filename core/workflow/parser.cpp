// SPDX-License-Identifier: MIT
#include "core/workflow/checks.hpp"
#include "core/workflow/memory.hpp"
#include "core/workflow/reader.hpp"

#include <algorithm>

namespace gantry::core::workflow {
namespace {

constexpr std::size_t kMaxResultBytes = std::size_t{10} << 20U;

void append(Diagnostics& to, Diagnostics from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

// By position; what two stages found alike is told once.
void tidy(Diagnostics& diagnostics) {
  std::stable_sort(diagnostics.begin(), diagnostics.end(),
                   [](const auto& a, const auto& b) { return a.position < b.position; });
  const auto alike = [](const auto& a, const auto& b) {
    return a.position == b.position && a.message == b.message;
  };
  diagnostics.erase(std::unique(diagnostics.begin(), diagnostics.end(), alike), diagnostics.end());
}

}  // namespace

ParsedWorkflow parse_workflow(std::string_view file, std::string_view text) {
  ParsedWorkflow parsed;
  Diagnostics& diagnostics = parsed.diagnostics;
  yaml::Document document = yaml::parse(text);
  diagnostics = std::move(document.diagnostics);
  if (!document.root) return parsed;
  ReadResult read = read_tokens(*document.root, Schema::workflow(), "workflow-strict");
  append(diagnostics, std::move(read.diagnostics));
  if (read.bytes > kMaxResultBytes) {
    add_error(diagnostics, {}, "Maximum object size exceeded", "limit",
              "10 MiB as GitHub counts; aliases count each time");
    return parsed;
  }
  auto workflow = std::make_shared<Workflow>(convert_workflow(read.token, file, diagnostics));
  check_needs(*workflow, diagnostics);
  check_workflow(*workflow, diagnostics);
  append(diagnostics, unsupported(*workflow));
  tidy(diagnostics);
  if (!has_errors(diagnostics)) parsed.workflow = std::move(workflow);
  return parsed;
}

}  // namespace gantry::core::workflow
