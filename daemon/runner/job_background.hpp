// SPDX-License-Identifier: MIT
// What may outlive a step: its pipe, held by background processes, and the commands they print.
#pragma once

#include "daemon/runner/job.hpp"

namespace gantry::daemon::runner {

struct Background {
  StepCommands commands;
  OutputPump pump;
  bool is_over = false;  // the step

  Background(const async::asio::any_io_executor& executor, JobState& state, JobLog& log,
             StepCommands::Report report, StepCommandsConfig config,
             std::function<void()> on_progress)
      : commands(state, log, std::move(report), std::move(config)),
        pump(
            executor, log, [this](std::string_view line) { return commands.on_line(line); },
            [this] { return commands.wants_all_lines(); }, std::move(on_progress)) {}
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;
};

}  // namespace gantry::daemon::runner
