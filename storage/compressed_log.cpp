// SPDX-License-Identifier: MIT
#include "storage/compressed_log.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"

#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

namespace gantry::storage {
namespace {

using core::run::log_number;
using core::run::put_log_number;
using core::run::read_log;

// File: frames | skippable head (4 + 4) | entries of 24 | number of frames (8) | magic (8).
// One entry more than frames: the last holds the totals and the end of the frames.
constexpr int kLevel = 1;
constexpr std::size_t kHeadBytes = 8;
constexpr std::size_t kEntryBytes = 24;
constexpr std::size_t kTailBytes = 16;
constexpr std::uint32_t kSkippableMagic = 0x184D2A5E;
constexpr std::uint64_t kTailMagic = 0x31474f4c52544e47;  // "GNTRLOG1"

void append_number(std::string& to, std::uint64_t value, std::size_t bytes = 8) {
  std::array<char, 8> buffer{};
  put_log_number(value, buffer.data());
  to.append(buffer.data(), bytes);
}

void append_entry(std::string& to, std::uint64_t lines, std::uint64_t offset,
                  std::uint64_t position) {
  append_number(to, lines);
  append_number(to, offset);
  append_number(to, position);
}

std::size_t checked(std::size_t result, const char* doing) {
  if (ZSTD_isError(result) != 0U) {
    throw core::Exception(core::Errc::io, std::string(doing) + ": " + ZSTD_getErrorName(result));
  }
  return result;
}

// Position just behind line end number `count` (from 1) of `text`, or npos.
std::size_t after_line_end(std::span<const char> text, std::uint64_t count) {
  std::size_t at = 0;
  while (count > 0) {
    const void* found = std::memchr(text.data() + at, '\n', text.size() - at);
    if (found == nullptr) return std::string::npos;
    at = static_cast<std::size_t>(static_cast<const char*>(found) - text.data()) + 1;
    --count;
  }
  return at;
}

}  // namespace

void write_compressed_log(int text_fd, std::uint64_t text_bytes, int out_fd) {
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(),
                                                                     &ZSTD_freeCCtx);
  if (!context) throw core::Exception(core::Errc::io, "compressing a log: out of memory");
  checked(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, kLevel), "compressing");
  checked(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1), "compressing");
  std::vector<char> text(kFrameBytes), packed(ZSTD_compressBound(kFrameBytes));
  std::string entries;
  std::uint64_t lines = 0, offset = 0, position = 0;
  while (offset < text_bytes) {
    const auto want =
        static_cast<std::size_t>(std::min<std::uint64_t>(kFrameBytes, text_bytes - offset));
    const std::size_t got = read_log(text_fd, offset, std::span(text.data(), want));
    if (got != want) throw core::Exception(core::Errc::io, "compressing a log: it became shorter");
    append_entry(entries, lines, offset, position);
    const std::size_t size =
        checked(ZSTD_compress2(context.get(), packed.data(), packed.size(), text.data(), got),
                "compressing a log");
    core::write_all(out_fd, {packed.data(), size});
    lines += core::run::count_line_ends({text.data(), got});
    offset += got;
    position += size;
  }
  const std::uint64_t frames = entries.size() / kEntryBytes;
  append_entry(entries, lines, offset, position);
  std::string index;
  append_number(index, kSkippableMagic, 4);
  append_number(index, entries.size() + kTailBytes, 4);
  index += entries;
  append_number(index, frames);
  append_number(index, kTailMagic);
  core::write_all(out_fd, index);
}

CompressedLog::CompressedLog(core::UniqueFd fd, std::string path)
    : fd_(std::move(fd)), path_(std::move(path)) {
  const std::uint64_t size = core::run::log_file_size(fd_.get());
  std::array<char, kTailBytes> tail{};
  if (size < kTailBytes || read_log(fd_.get(), size - kTailBytes, tail) != kTailBytes ||
      log_number(tail.data() + 8) != kTailMagic) {
    refuse("its index is missing");
  }
  frames_ = log_number(tail.data());
  if (frames_ >= size / kEntryBytes) refuse("its index is larger than the file");
  const std::uint64_t index_bytes = kHeadBytes + (frames_ + 1) * kEntryBytes + kTailBytes;
  if (index_bytes > size) refuse("its index is larger than the file");
  index_position_ = size - index_bytes + kHeadBytes;
  total_ = frame(frames_);
}

void CompressedLog::refuse(const char* why) const {
  throw core::Exception(core::Errc::io, "reading log '" + path_ + "': " + why);
}

CompressedLog::Frame CompressedLog::frame(std::uint64_t number) const {
  std::array<char, kEntryBytes> entry{};
  if (read_log(fd_.get(), index_position_ + number * kEntryBytes, entry) != entry.size()) {
    refuse("its index is cut off");
  }
  return {log_number(entry.data()), log_number(entry.data() + 8), log_number(entry.data() + 16)};
}

// The frame that holds the end of line `line - 1`.
std::uint64_t CompressedLog::frame_of_line(std::uint64_t line) const {
  std::uint64_t low = 0, high = frames_ - 1;
  while (low < high) {
    const std::uint64_t middle = low + (high - low + 1) / 2;
    if (frame(middle).lines < line) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

std::uint64_t CompressedLog::frame_at(std::uint64_t offset) const {
  std::uint64_t low = 0, high = frames_ - 1;
  while (low < high) {
    const std::uint64_t middle = low + (high - low + 1) / 2;
    if (frame(middle).offset <= offset) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

void CompressedLog::load(std::uint64_t number) {
  if (loaded_ == number) return;
  loaded_ = kNone;
  current_ = frame(number);
  const Frame next = frame(number + 1);
  const std::uint64_t text_bytes = next.offset - current_.offset;
  const std::uint64_t packed_bytes = next.position - current_.position;
  if (text_bytes > kFrameBytes || packed_bytes > ZSTD_compressBound(kFrameBytes)) {
    refuse("its index is damaged");
  }
  std::vector<char> packed(static_cast<std::size_t>(packed_bytes));
  if (read_log(fd_.get(), current_.position, packed) != packed.size()) refuse("it is cut off");
  text_.resize(static_cast<std::size_t>(text_bytes));
  const std::size_t size =
      ZSTD_decompress(text_.data(), text_.size(), packed.data(), packed.size());
  if (ZSTD_isError(size) != 0U) refuse(ZSTD_getErrorName(size));
  if (size != text_.size()) refuse("a frame holds less than its index says");
  loaded_ = number;
}

std::uint64_t CompressedLog::offset_of_line(std::uint64_t line) {
  if (line == 0) return 0;
  if (line > total_.lines) return total_.offset;
  load(frame_of_line(line));
  const std::size_t at = after_line_end(text_, line - current_.lines);
  if (at == std::string::npos) refuse("a frame holds fewer lines than its index says");
  return current_.offset + at;
}

std::size_t CompressedLog::read_at(std::uint64_t offset, std::span<char> to) {
  std::size_t done = 0;
  while (done < to.size() && offset < total_.offset) {
    load(frame_at(offset));
    const auto from = static_cast<std::size_t>(offset - current_.offset);
    const std::size_t count = std::min(to.size() - done, text_.size() - from);
    std::memcpy(to.data() + done, text_.data() + from, count);
    done += count;
    offset += count;
  }
  return done;
}

}  // namespace gantry::storage
