// SPDX-License-Identifier: MIT
// The file of a finished log: zstd frames, then their index in a skippable frame, so that
// `zstd -d` reads it too. For log_store only.
#pragma once

#include "core/base/unique_fd.hpp"
#include "core/run/log_format.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace gantry::storage {

inline constexpr std::size_t kFrameBytes = 512 << 10;  // of text

// Writes the compressed form of the first `text_bytes` of `text_fd` to `out_fd`.
void write_compressed_log(int text_fd, std::uint64_t text_bytes, int out_fd);

// Holds one unpacked frame at a time. Throws core::Exception, also for a damaged file. Move-only.
class CompressedLog {
 public:
  CompressedLog(core::UniqueFd fd, std::string path);
  std::uint64_t lines() const { return total_.lines; }
  std::uint64_t bytes() const { return total_.offset; }
  std::uint64_t offset_of_line(std::uint64_t line);
  std::size_t read_at(std::uint64_t offset, std::span<char> to);

 private:
  // Where a frame begins: line ends and bytes of text before it, and its place in the file.
  struct Frame {
    std::uint64_t lines = 0;
    std::uint64_t offset = 0;
    std::uint64_t position = 0;
  };
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};

  [[noreturn]] void refuse(const char* why) const;
  Frame frame(std::uint64_t number) const;
  std::uint64_t frame_of_line(std::uint64_t line) const;
  std::uint64_t frame_at(std::uint64_t offset) const;
  void load(std::uint64_t number);

  core::UniqueFd fd_;
  std::string path_;
  std::uint64_t frames_ = 0;
  std::uint64_t index_position_ = 0;
  Frame total_;
  std::uint64_t loaded_ = kNone;
  Frame current_;
  std::vector<char> text_;
};

}  // namespace gantry::storage
