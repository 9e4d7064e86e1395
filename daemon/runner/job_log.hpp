// SPDX-License-Identifier: MIT
// The job's log as the runner writes it: every byte masked, every line stamped. Buffers until
// flush(). When the file cannot be written (a full disk) the rest is dropped and problem() says so.
// Not thread-safe.
#pragma once

#include "core/run/log_format.hpp"
#include "core/run/masker.hpp"

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace gantry::daemon::runner {

inline constexpr std::size_t kLogStampBytes = 29;  // "2026-01-02T03:04:05.1234567Z "

// Now, as log lines start. Ticks are 100 ns.
std::array<char, kLogStampBytes> log_stamp(std::int64_t ticks_since_epoch);

class JobLog {
 public:
  // `limit_bytes`: of what steps write; 0 = none.
  JobLog(const std::filesystem::path& text, const std::filesystem::path& index,
         std::uint64_t limit_bytes);
  // Of a step that runs beside others: hides what `masker` does.
  JobLog(const std::filesystem::path& text, const std::filesystem::path& index,
         std::uint64_t limit_bytes, core::run::Masker& masker);
  // Whole lines that another log has in `file` from `offset` on; gives where they end.
  std::uint64_t append_file(const std::filesystem::path& file, std::uint64_t offset);

  core::run::Masker& masker() { return masker_; }
  const core::run::Masker& masker() const { return masker_; }

  // Output of a step: whole lines, each with its '\n'. Dropped when the limit is passed.
  void write_lines(std::string_view block);
  // A piece of a line too long to be held, masked already; `end_long_line` ends it. Something else
  // that is written in between takes a line of its own, and the long line goes on in another.
  void write_long_line_piece(std::string_view masked);
  void end_long_line();
  // The runner's own words, masked; each line of `text` is one of the log. Steps can make it speak
  // (::group::, ::error::), so it counts too and falls silent a MiB behind the limit.
  void say(std::string_view text);
  // A value that a step wants hidden. Too many of them close the log to steps: what could not be
  // hidden must not be printed.
  void add_mask(std::string_view value);

  void flush();
  std::int64_t lines() const { return lines_; }  // those not flushed included
  std::int64_t written_bytes() const { return static_cast<std::int64_t>(writer_.bytes()); }
  std::int64_t written_lines() const { return static_cast<std::int64_t>(writer_.lines()); }
  // Why nothing of what steps print is written any more; "" while it is.
  const std::string& closed() const { return closed_; }
  const std::string& problem() const { return problem_; }

 private:
  bool has_room(std::size_t bytes);
  void count(std::size_t bytes);
  void append_stamped(std::string_view block);
  void append_stamp();
  void flush_if_large();

  core::run::LogWriter writer_;
  core::run::Masker own_masker_;
  core::run::Masker& masker_ = own_masker_;
  std::uint64_t limit_bytes_;
  std::uint64_t output_bytes_ = 0;
  std::string closed_;
  std::string problem_;
  bool line_open_ = false;  // a long line is being written
  std::string buffer_;
  std::string masked_;
  std::uint64_t buffered_line_ends_ = 0;
  std::int64_t lines_ = 0;
  std::array<char, kLogStampBytes> stamp_{};
};

}  // namespace gantry::daemon::runner
