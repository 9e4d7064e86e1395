// SPDX-License-Identifier: MIT
// Carries out what a step asks for: workflow commands in its output and the files it leaves.
// One object for each step; it outlives the step while background processes still write.
#pragma once

#include "core/run/commands.hpp"
#include "daemon/runner/inside_files.hpp"
#include "daemon/runner/job_log.hpp"
#include "daemon/runner/job_state.hpp"
#include "proto/runner_events.hpp"

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace gantry::daemon::runner {

inline constexpr int kAnnotationsPerLevel = 10;
inline constexpr std::size_t kAnnotationCharacters = 4096;
inline constexpr std::uint64_t kFileCommandLimitBytes = 10 << 20;

// "##[error]", how a line of the log begins.
std::string_view log_mark(proto::AnnotationLevel level);

enum class StepDebug { off, on };                  // ACTIONS_STEP_DEBUG
enum class UnsecureCommands { refused, allowed };  // ACTIONS_ALLOW_UNSECURE_COMMANDS

// Annotations reported so far, by level.
using AnnotationCounts = std::array<int, 3>;

struct StepCommandsConfig {
  int step = 0;
  InsideFiles* files = nullptr;         // for problem matchers; null: they are refused
  core::expr::Object* saved = nullptr;  // save-state; null: there is nobody to save it for
  // The steps of a composite action count together with it.
  std::shared_ptr<AnnotationCounts> counts = std::make_shared<AnnotationCounts>();
  StepDebug debug = StepDebug::off;
  UnsecureCommands unsecure = UnsecureCommands::refused;
};

class StepCommands {
 public:
  using Report = std::function<void(decltype(proto::RunnerEvent::body))>;

  StepCommands(JobState& state, JobLog& log, Report report, StepCommandsConfig config);

  // A line of output without its end; true: it is not to be printed as it is.
  bool on_line(std::string_view line);
  // While problem matchers are on, every line has to come by.
  bool wants_all_lines() const { return !ended_ && !state_.matchers.empty(); }
  // After the step: GITHUB_ENV, GITHUB_OUTPUT, GITHUB_STATE, GITHUB_PATH, GITHUB_STEP_SUMMARY.
  void apply_files(JobFolder& folder, const StepFiles& files);
  // From now on background processes can add masks but change nothing else.
  void end_step() { ended_ = true; }

  // A line in the log and an annotation; both counted and cut to GitHub's limits.
  void annotate(proto::AnnotationLevel level, std::string_view message);

  bool failed() const { return failed_; }  // a command could not be carried out
  void fail(std::string_view what, std::string_view why);
  const core::expr::Object& outputs() const { return outputs_; }
  void set_output(const std::string& name, std::string value);
  const std::shared_ptr<AnnotationCounts>& counts() const { return config_.counts; }
  bool has_said_error() const {
    return (*config_.counts)[static_cast<std::size_t>(proto::AnnotationLevel::error)] > 0;
  }

 private:
  bool carry_out(const core::run::Command& command, std::string_view line);
  void echo(std::string_view line);
  void annotate_from(proto::AnnotationLevel level, const core::run::Command& command);
  void report(proto::JobAnnotation annotation);
  void add_mask(const core::run::Command& command);
  void take_output(const core::run::Command& command);
  void take_state(const core::run::Command& command);
  void add_matchers(const core::run::Command& command);
  void remove_matchers(const core::run::Command& command);
  bool match_problem(std::string_view line);
  void set_env(const core::run::Command& command);
  void add_path(const core::run::Command& command);
  void stop_commands(const core::run::Command& command, std::string_view line);
  void set_echo(const core::run::Command& command);
  bool allow_unsecure(const core::run::Command& command);
  void apply_env(std::string_view content);
  void apply_output(std::string_view content);
  void apply_state(std::string_view content);
  void apply_summary(std::string content);
  void apply_file(JobFolder& folder, const fs::path& file, std::string_view name,
                  std::uint64_t limit_bytes, const std::function<void(std::string)>& apply);

  JobState& state_;
  JobLog& log_;
  Report report_;
  StepCommandsConfig config_;
  core::run::CommandSwitch switch_;
  core::expr::Object outputs_;
  bool echo_ = false;
  bool failed_ = false;
  bool ended_ = false;
};

}  // namespace gantry::daemon::runner
