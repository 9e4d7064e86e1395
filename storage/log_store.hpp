// SPDX-License-Identifier: MIT
// Reading job logs at any line with flat memory, running or finished, and compressing them.
// The format while running is core/run/log_format's. A finished log is one file of zstd frames
// (`zstd -d` reads it), its index of frames in a skippable frame at the end.
#pragma once

#include "core/base/unique_fd.hpp"
#include "core/run/log_format.hpp"
#include "storage/layout.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace gantry::storage {

struct LogSize {
  std::uint64_t lines = 0;  // line ends
  std::uint64_t bytes = 0;  // of text
  bool operator==(const LogSize&) const = default;
};

// A job's log, opened once. Stays readable while the log is compressed or removed. Not for use by
// two threads at a time. Throws core::Exception. Move-only.
class LogReader {
 public:
  // None when the job has no log yet.
  static std::optional<LogReader> open(const Layout& layout, core::JobId job);
  LogReader(LogReader&&) noexcept;
  LogReader& operator=(LogReader&&) noexcept;
  ~LogReader();

  LogSize size();  // as of now: a running log grows

  // Where line `line` (from 0) begins; the end of the text when there are not so many.
  std::uint64_t offset_of_line(std::uint64_t line);
  // Up to `to.size()` bytes of text from `offset`; fewer only at the end. 0: nothing there (yet).
  std::size_t read_at(std::uint64_t offset, std::span<char> to);

  // Lines [first, first + count), cut after `limit_bytes`.
  std::string read_lines(std::uint64_t first, std::uint64_t count,
                         std::uint64_t limit_bytes = 1 << 20);
  // The first of the last `count` lines.
  std::uint64_t tail_line(std::uint64_t count);

 private:
  struct Source;
  explicit LogReader(std::unique_ptr<Source> source);
  std::unique_ptr<Source> source_;
};

// Compresses the log of a finished job and removes the plain files. Takes time: 1 s for a GB or
// so. A crash leaves the plain files or the compressed one, whole. Doing it again, or with no log
// there, is fine.
void compress_log(const Layout& layout, core::JobId job);

// Jobs whose log is not compressed: running ones, and those a crash left behind. Lists every
// folder of logs.
std::vector<core::JobId> uncompressed_logs(const Layout& layout);

// Every log file of the job.
void remove_log(const Layout& layout, core::JobId job);

}  // namespace gantry::storage
