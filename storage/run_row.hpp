// SPDX-License-Identifier: MIT
// The row of a run, for the files of storage that select runs.
#pragma once

#include "storage/runs.hpp"

#include <string>
#include <string_view>

namespace gantry::storage {

std::string select_runs(std::string_view rest);  // all columns, for read_run
Run read_run(const Statement& row);
void insert_run_row(Database& database, const Run& run);  // `id` is not used

}  // namespace gantry::storage
