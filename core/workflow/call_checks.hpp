// SPDX-License-Identifier: MIT
// What a calling job gives, against what the called workflow defines. Used by the loader.
#pragma once

#include "core/workflow/converter.hpp"

namespace gantry::core::workflow {

// Diagnostics of the caller's file, and of the called one (defaults that do not fit).
struct CallDiagnostics {
  Diagnostics caller, callee;
};

void check_call(const Job& job, const Workflow& callee, CallDiagnostics& diagnostics);

}  // namespace gantry::core::workflow
