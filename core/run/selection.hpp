// SPDX-License-Identifier: MIT
// What `gantry run` asks for: one workflow, some of its jobs, some legs of their matrices. It
// stands in the event's payload under "gantry", which only who may sign deliveries or use the API
// can set, and so stays with the run whatever restarts.
#pragma once

#include "core/workflow/event.hpp"
#include "core/workflow/matrix.hpp"
#include "core/workflow/workflow.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace gantry::core::run {

struct Selection {
  std::string workflow;           // this file only, whatever its filters say; empty: any
  std::vector<std::string> jobs;  // these and the jobs they need; empty: all
  std::vector<std::pair<std::string, std::string>> matrix;  // a key's values, as text
};

// {"workflow": "…", "jobs": […], "matrix": {"key": ["value"]}}; what is not of this shape is not
// there.
Selection selection_of(const expr::Value& payload);

// `whole` without the jobs that were not asked for; `whole` itself when all were.
std::shared_ptr<const workflow::Workflow> select_jobs(
    std::shared_ptr<const workflow::Workflow> whole, const Selection& selection);

// Whether the leg has one of the wanted values for every wanted key it has.
bool is_selected(const workflow::MatrixLeg& leg, const Selection& selection);

}  // namespace gantry::core::run
