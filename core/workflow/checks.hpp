// SPDX-License-Identifier: MIT
// What has to hold between the parts of a workflow, after they were read one by one.
#pragma once

#include "core/workflow/converter.hpp"

namespace gantry::core::workflow {

// needs: unknown jobs, cycles (named as a path), no job to start with.
void check_needs(const Workflow& workflow, Diagnostics& diagnostics);

// Everything else that GitHub refuses when a file is saved: filters that exclude one another,
// inputs whose default does not fit, `uses` of a job that names no workflow.
void check_workflow(const Workflow& workflow, Diagnostics& diagnostics);

}  // namespace gantry::core::workflow
