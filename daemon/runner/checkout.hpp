// SPDX-License-Identifier: MIT
// actions/checkout as a step names it. Carried out by checkouts.hpp.
#pragma once

#include "daemon/git/checkout_inputs.hpp"
#include "proto/runner_protocol.hpp"

#include <string>
#include <utility>
#include <vector>

namespace gantry::daemon::runner {

// "actions/checkout@<anything>", ignoring case.
bool is_checkout(std::string_view uses);

struct CheckoutRequest {
  git::CheckoutPlan plan;
  std::vector<std::string> warnings;  // inputs nobody knows
};

// Reads the step's `with` against the job. Refuses what cannot be honoured.
core::Result<CheckoutRequest> read_checkout(
    const std::vector<std::pair<std::string, std::string>>& with, const proto::JobMessage& message,
    const std::string& workspace);

}  // namespace gantry::daemon::runner
