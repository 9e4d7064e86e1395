// SPDX-License-Identifier: MIT
// Between rows and the run machine: what is stored of a run and its jobs, and back.
#pragma once

#include "core/run/run_machine.hpp"
#include "daemon/control/active.hpp"
#include "daemon/control/settings.hpp"
#include "storage/jobs.hpp"
#include "storage/runs.hpp"

#include <string>
#include <vector>

namespace gantry::daemon::control {

// `github` with what is known only once the run has a row: run_id, run_number, run_attempt,
// triggering_actor.
core::expr::Value with_run_facts(const core::expr::Value& github, const storage::Run& run);

// Contexts of a run as stored, without the event (that is the delivery's payload).
std::string encode_contexts(const core::run::RunContexts& contexts, std::string_view workflow_sha,
                            const core::run::CalledTexts& called = {});
struct StoredContexts {
  core::run::RunContexts contexts;  // with `event` and the run's facts
  std::string workflow_sha;
  core::run::CalledTexts called;
};
StoredContexts decode_contexts(const storage::RunInput& input, const storage::Run& run);

core::expr::Value to_object(const NamedValues& values);

// Rows of effects. The run and attempt are filled; ids are not.
storage::Job row_of(const core::run::CreateLeg& effect, const storage::Run& run,
                    core::Timestamp now);
storage::Job row_of(const core::run::SkipJob& effect, const storage::Run& run, core::Timestamp now);
storage::Job row_of(const core::run::FailJob& effect, const storage::Run& run, core::Timestamp now);
storage::Annotation annotation_of(const core::yaml::Diagnostic& diagnostic,
                                  const std::string& workflow_path);

// Rows for RunMachine::restore, in the order it wants.
std::vector<core::run::RecordedJob> recorded(const std::vector<storage::Job>& rows);

std::string encode_outputs(const core::run::Outputs& outputs);
std::string encode_strings(const std::vector<std::string>& strings);
std::vector<std::string> decode_strings(std::string_view json);

}  // namespace gantry::daemon::control
