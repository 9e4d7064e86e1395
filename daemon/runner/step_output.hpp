// SPDX-License-Identifier: MIT
// Cuts what a step writes into lines, hands lines that may be workflow commands to the job, and
// the rest to the log. Bytes are kept as they are: invalid UTF-8, NUL and CR pass. A last line
// without its end gets one. A line of more than 1 MiB is streamed to the log as one line with
// constant memory; it is never a command.
#pragma once

#include "core/run/masker.hpp"
#include "daemon/runner/job_log.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace gantry::daemon::runner {

inline constexpr std::size_t kReadBytes = 256 << 10;
inline constexpr std::size_t kLongestHeldLine = 1 << 20;

class StepOutput {
 public:
  // Gets a line without its end; true: it was carried out and is not to be printed.
  using OnCommand = std::function<bool(std::string_view line)>;
  // Whether it wants lines that are no commands too.
  using WantsAll = std::function<bool()>;

  StepOutput(
      JobLog& log, OnCommand on_command, WantsAll wants_all = [] { return false; });

  // Where to read the next bytes into, at least kReadBytes; then say how many came.
  std::span<char> space();
  void commit(std::size_t bytes);
  // The same for bytes that are there already.
  void write(std::string_view bytes);
  void finish();  // the last line may lack its end

 private:
  void take_lines(std::string_view lines);
  void take_long_line(std::string_view& bytes);
  void drop_front(std::size_t bytes);
  void make_room(std::size_t bytes);

  JobLog& log_;
  OnCommand on_command_;
  WantsAll wants_all_;
  std::unique_ptr<char[]> buffer_;  // never cleared: most steps touch its first page only
  std::size_t room_ = 0;
  std::size_t held_ = 0;                           // bytes of buffer_ in use
  std::optional<core::run::StreamMasker> masker_;  // inside a long line
  std::string piece_;
};

}  // namespace gantry::daemon::runner
