// SPDX-License-Identifier: MIT
// Event and facts of a run → the `github` context as gantryd knows it. What only the runner knows
// (workspace, token, job, action, file commands) is added there.
#pragma once

#include "core/expr/value.hpp"
#include "core/workflow/event.hpp"

#include <cstdint>
#include <string>

namespace gantry::core::workflow {

struct RunFacts {
  std::int64_t run_id = 0, run_number = 0, run_attempt = 1;
  std::string workflow_name, workflow_file;
  std::string workflow_sha;  // where the file was read
  Actor triggering_actor;    // differs from the event's sender after a rerun
  std::string server_url = "https://github.com";
  std::string api_url = "https://api.github.com";
  std::string graphql_url = "https://api.github.com/graphql";
  int retention_days = 90;
};

expr::Value github_context(const Event& event, const RunFacts& facts);

}  // namespace gantry::core::workflow
