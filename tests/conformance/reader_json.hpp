// SPDX-License-Identifier: MIT
// A loaded workflow, or its problems, as the JSON that the public reader cases expect.
#pragma once

#include "core/expr/value.hpp"
#include "core/workflow/reusable_workflows.hpp"

namespace gantry::tests {

enum class Source { shown, hidden };  // file, line and column of every token

core::expr::Value reader_json(const core::workflow::LoadResult& result, Source source);

}  // namespace gantry::tests
