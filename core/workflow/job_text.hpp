// SPDX-License-Identifier: MIT
// The part of a workflow file that one of its jobs needs.
#pragma once

#include "core/workflow/workflow.hpp"

#include <string>
#include <string_view>

namespace gantry::core::workflow {

// `text`, which `workflow` was read from, with the lines of all other jobs empty: every position
// stays, and parse_job() has less to read. Whole where a job's lines cannot be told for sure (flow
// style, anchors, text of another file).
std::string text_of_job(const Workflow& workflow, std::string_view text, std::string_view job_id);

}  // namespace gantry::core::workflow
