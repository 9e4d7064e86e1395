// SPDX-License-Identifier: MIT
// A workflow together with the workflows it calls, loaded and checked as GitHub does: stages that
// stop at the first that finds errors, inputs and secrets against their definitions, permissions
// that a called workflow may only lower, limits of depth, files and jobs.
#pragma once

#include "core/workflow/permissions.hpp"
#include "core/workflow/workflow.hpp"
#include "core/yaml/node.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::core::workflow {

enum class BackgroundSteps { allowed, refused };
enum class Calls { load, leave };

struct LoadOptions {
  yaml::Limits yaml;
  std::size_t max_result_bytes = std::size_t{10} << 20U;  // all files together
  std::size_t max_files = 51;
  std::size_t max_jobs = 0;  // of all workflows together; 0: no limit
  std::size_t max_call_depth = 4;
  Permissions default_permissions = Permissions::all(AccessLevel::write);
  Calls calls = Calls::load;
  BackgroundSteps background_steps = BackgroundSteps::allowed;
};

// The text of a workflow: "owner/repository/.github/workflows/x.yml@ref", or a path in the
// repository of the first workflow; nullopt when there is none.
using FileProvider = std::function<std::optional<std::string>(std::string_view name)>;

struct LoadedWorkflow;

struct CalledWorkflow {
  std::string job_id;                    // the calling job
  std::vector<LoadedWorkflow> workflow;  // one; a vector because the type is not complete yet
};

struct LoadedWorkflow {
  Workflow workflow;                       // `file` is the name it was loaded by
  std::size_t file = 0;                    // place in LoadResult::files
  std::optional<Permissions> permissions;  // said in the file or passed on by the caller
  std::vector<CalledWorkflow> calls;       // in the order of the jobs
};

struct LoadProblem {
  std::string file;  // empty: of the whole
  yaml::Diagnostic diagnostic;
  // The calling file and place, when the problem lies in the file called.
  std::string caller;
  yaml::Position caller_position;
};

struct LoadResult {
  std::optional<LoadedWorkflow> workflow;  // absent when there are problems
  std::vector<std::string> files;          // in the order of loading
  std::vector<LoadProblem> problems;
};

LoadResult load_workflow(std::string_view file, std::string_view text, const FileProvider& provider,
                         const LoadOptions& options = {});

}  // namespace gantry::core::workflow
