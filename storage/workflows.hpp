// SPDX-License-Identifier: MIT
// Workflow files of a repository, and the numbers of their runs.
#pragma once

#include "storage/page.hpp"
#include "storage/sqlite.hpp"

#include <vector>

namespace gantry::storage {

enum class WorkflowState { active, disabled_manually, deleted };
std::string_view to_string(WorkflowState state);
[[nodiscard]] bool parse(std::string_view text, WorkflowState& out);

struct Workflow {
  core::WorkflowId id;
  core::RepoId repo;
  std::string path;  // .github/workflows/test.yml
  std::string name;
  WorkflowState state = WorkflowState::active;
  std::int64_t next_run_number = 1;
  core::Timestamp created_at;
  core::Timestamp updated_at;
};

// Inserts, or gives the one of that path the new name; a deleted one becomes active again.
core::WorkflowId put_workflow(Database& database, core::RepoId repo, std::string_view path,
                              std::string_view name, core::Timestamp now);
std::optional<Workflow> find_workflow(Database& database, core::WorkflowId id);
// By path, or by the file's name alone as GitHub's API allows.
std::optional<Workflow> find_workflow(Database& database, core::RepoId repo, std::string_view file);
void set_workflow_state(Database& database, core::WorkflowId id, WorkflowState state,
                        core::Timestamp now);

struct WorkflowList {
  std::vector<Workflow> workflows;  // by id
  std::int64_t total_count = 0;
};
WorkflowList list_workflows(Database& database, core::RepoId repo, Page page = {});

}  // namespace gantry::storage
