// SPDX-License-Identifier: MIT
// actions/checkout, carried out by the runner itself from the repository's mirror.
#pragma once

#include "daemon/git/checkout_inputs.hpp"
#include "daemon/runner/job_folder.hpp"
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
    const std::vector<std::pair<std::string, std::string>>& with, const proto::JobMessage& message);

// Fills the workspace; blocks. Returns lines for the job's log. Throws core::Exception.
std::vector<std::string> carry_out_checkout(const git::CheckoutPlan& plan,
                                            const proto::JobMessage& message,
                                            const JobFolder& folder);

}  // namespace gantry::daemon::runner
