// SPDX-License-Identifier: MIT
// What reviewers said to the environments of a run, kept for as long as the run.
#pragma once

#include "core/run/environment.hpp"
#include "storage/sqlite.hpp"

#include <string_view>
#include <vector>

namespace gantry::storage {

void add_review(Database& database, core::RunId run, int attempt, const core::run::Review& review,
                std::string_view comment, core::Timestamp now);
// Of one attempt, in the order they came.
std::vector<core::run::Review> reviews_of_run(Database& database, core::RunId run, int attempt);

}  // namespace gantry::storage
