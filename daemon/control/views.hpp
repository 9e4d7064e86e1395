// SPDX-License-Identifier: MIT
// Rows as JSON: in GitHub's shapes for /api/v3, in our own, smaller ones for /api/gantry/v1.
#pragma once

#include "storage/jobs.hpp"
#include "storage/repos.hpp"
#include "storage/runs.hpp"
#include "storage/workflows.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

namespace gantry::daemon::control {

// GitHub's shapes. `api` is the address the client used, ".../api/v3"; `web` where people look.
struct ViewBase {
  std::string api, web;
};
nlohmann::json github_repository(const storage::Repository& repo, const ViewBase& base);
nlohmann::json github_run(const storage::Run& run, const storage::Repository& repo,
                          const std::string& workflow_path, const ViewBase& base);
nlohmann::json github_job(const storage::Job& job, const std::vector<storage::Step>& steps,
                          const storage::Run& run, const storage::Repository& repo,
                          const ViewBase& base);
nlohmann::json github_workflow(const storage::Workflow& workflow, const storage::Repository& repo,
                               const ViewBase& base);

// Ours.
nlohmann::json own_run(const storage::Run& run, const storage::Repository& repo);
nlohmann::json own_job(const storage::Job& job, const std::vector<storage::Step>& steps,
                       const std::vector<storage::Annotation>& annotations);

}  // namespace gantry::daemon::control
