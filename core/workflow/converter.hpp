// SPDX-License-Identifier: MIT
// Token tree → Workflow, with what GitHub checks on the way. Takes trees that had errors: what does
// not fit is left out. Used by parse_workflow and the loader of reusable workflows.
#pragma once

#include "core/expr/contexts.hpp"
#include "core/workflow/workflow.hpp"

#include <string_view>
#include <vector>

namespace gantry::core::workflow {

using Diagnostics = std::vector<yaml::Diagnostic>;
// More help nobody, and a hostile file could ask for thousands.
inline constexpr std::size_t kMaxDiagnostics = 100;
inline constexpr std::size_t kMaxResultBytes = std::size_t{10} << 20U;

Workflow convert_workflow(Token root, std::string_view file, Diagnostics& diagnostics);

// Parts, each in its own file.
std::vector<EventTrigger> convert_triggers(const Token& on);
Job convert_job(const Token& id, Token body, Diagnostics& diagnostics);
// `conditions`: where the steps' `if` stands, step_if or composite_step_if.
std::vector<Step> convert_steps(Token steps, Diagnostics& diagnostics,
                                expr::Place conditions = expr::Place::step_if);
// An `if`, for the places job_if, step_if and composite_step_if.
Token convert_condition(const Token& token, expr::Place place, Diagnostics& diagnostics);

// Checks of one key that need no contexts; expressions are left for later.
void check_strategy(const Token& strategy, Diagnostics& diagnostics);
void check_concurrency(const Token& concurrency, Diagnostics& diagnostics);
void check_runs_on(const Token& runs_on, Diagnostics& diagnostics);
void check_container(const Token& container, Diagnostics& diagnostics);
void check_services(const Token& services, Diagnostics& diagnostics);
void check_snapshot(const Token& snapshot, Diagnostics& diagnostics);

// What a later stage says of a place that is wrong already only follows from it.
void append_stage(Diagnostics& to, Diagnostics stage);
// Sorted, at most kMaxDiagnostics, none longer than GitHub lets them be.
void tidy(Diagnostics& diagnostics);

void add_error(Diagnostics& diagnostics, yaml::Position position, std::string message,
               std::string kind, std::string hint = "");

}  // namespace gantry::core::workflow
