// SPDX-License-Identifier: MIT
// The format of a job's log while it is written, shared by the runner (LogWriter) and gantryd
// (storage/log_store). The text file holds lines `2026-01-02T03:04:05.1234567Z text\n`; bytes are
// bytes: invalid UTF-8 and NUL pass, a line may have any length. Lines are numbered from 0.
// The index beside it holds marks every 64 KiB or so. The text is the truth: a missing, torn or
// stale index costs a scan, never a wrong answer.
#pragma once

#include "core/base/unique_fd.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

namespace gantry::core::run {

// `lines` line ends lie before byte `offset`. Stored as two little-endian 64-bit numbers.
struct LogMark {
  std::uint64_t lines = 0;
  std::uint64_t offset = 0;
  bool operator==(const LogMark&) const = default;
};
inline constexpr std::size_t kLogMarkBytes = 16;
inline constexpr std::uint64_t kLogMarkSpacing = 64 << 10;

// The last mark with `lines` < `line` (the zero mark if none), looking only at marks within
// `text_bytes`: the end of line number `line - 1` lies behind it. Reads O(log n) marks.
LogMark mark_before_line(int index_fd, std::uint64_t line, std::uint64_t text_bytes);
// The last mark at or before `offset`.
LogMark mark_before_offset(int index_fd, std::uint64_t offset);

// Line ends in the whole text of `text_bytes` bytes; reads only what lies behind the last mark.
std::uint64_t count_lines(int text_fd, int index_fd, std::uint64_t text_bytes);

std::uint64_t count_line_ends(std::string_view bytes);

// Shared with storage/log_store. Numbers are 8 bytes, little-endian.
std::uint64_t log_number(const char* bytes);
void put_log_number(std::uint64_t value, char* to);
// pread of all there is, up to the size of `to`.
std::size_t read_log(int fd, std::uint64_t offset, std::span<char> to);
std::uint64_t log_file_size(int fd);

// Appends to a job's log. One writer for each file. Throws Exception on I/O errors. Move-only.
class LogWriter {
 public:
  // Creates both files (mode 0640), or goes on after what is there: an unfinished last line is
  // ended, a torn index mended.
  LogWriter(const std::filesystem::path& text, const std::filesystem::path& index);

  // Stamped lines; `line_ends` is the number of '\n' in `block`. A line longer than a block may be
  // given in parts. Written at once: hand over large blocks.
  void append(std::string_view block, std::uint64_t line_ends);

  std::uint64_t lines() const { return lines_; }
  std::uint64_t bytes() const { return bytes_; }
  void sync();  // fdatasync of the text

 private:
  UniqueFd text_;
  UniqueFd index_;
  std::uint64_t lines_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t next_mark_at_ = kLogMarkSpacing;
};

}  // namespace gantry::core::run
