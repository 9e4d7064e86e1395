// SPDX-License-Identifier: MIT
#include "daemon/runner/job_log.hpp"

#include "core/base/error.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>

namespace gantry::daemon::runner {
namespace {

constexpr std::size_t kFlushBytes = 256 << 10;
constexpr std::uint64_t kReserveBytes = 1 << 20;  // for the runner's words behind the limit
constexpr std::size_t kMaskBytes = 8 << 20;
constexpr std::int64_t kTicksPerSecond = 10'000'000;

std::int64_t ticks_now() {
  using Ticks = std::chrono::duration<std::int64_t, std::ratio<1, kTicksPerSecond>>;
  return std::chrono::duration_cast<Ticks>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

void put_digits(char* to, std::int64_t value, int digits) {
  for (int i = digits - 1; i >= 0; --i, value /= 10)
    to[i] = static_cast<char>('0' + value % 10);
}

}  // namespace

std::array<char, kLogStampBytes> log_stamp(std::int64_t ticks_since_epoch) {
  using namespace std::chrono;
  const sys_seconds time{seconds(ticks_since_epoch / kTicksPerSecond)};
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{time - day};
  std::array<char, kLogStampBytes> stamp;
  std::memcpy(stamp.data(), "0000-00-00T00:00:00.0000000Z ", kLogStampBytes);
  put_digits(&stamp[0], int{date.year()}, 4);
  put_digits(&stamp[5], unsigned{date.month()}, 2);
  put_digits(&stamp[8], unsigned{date.day()}, 2);
  put_digits(&stamp[11], clock.hours().count(), 2);
  put_digits(&stamp[14], clock.minutes().count(), 2);
  put_digits(&stamp[17], clock.seconds().count(), 2);
  put_digits(&stamp[20], ticks_since_epoch % kTicksPerSecond, 7);
  return stamp;
}

JobLog::JobLog(const std::filesystem::path& text, const std::filesystem::path& index,
               std::uint64_t limit_bytes)
    : writer_(text, index), limit_bytes_(limit_bytes) {
  lines_ = written_lines();
}

JobLog::JobLog(const std::filesystem::path& text, const std::filesystem::path& index,
               std::uint64_t limit_bytes, core::run::Masker& masker)
    : writer_(text, index), masker_(masker), limit_bytes_(limit_bytes) {
  lines_ = written_lines();
}

std::uint64_t JobLog::append_file(const std::filesystem::path& file, std::uint64_t offset) {
  end_long_line();
  std::ifstream lines(file, std::ios::binary);
  lines.seekg(static_cast<std::streamoff>(offset));
  std::string block(kFlushBytes, '\0');
  while (lines) {
    lines.read(block.data(), static_cast<std::streamsize>(block.size()));
    const std::string_view part(block.data(), static_cast<std::size_t>(lines.gcount()));
    if (part.empty()) break;
    offset += part.size();
    if (!has_room(part.size())) continue;
    buffer_.append(part);
    const auto ends = std::count(part.begin(), part.end(), '\n');
    buffered_line_ends_ += static_cast<std::uint64_t>(ends);
    lines_ += ends;
    flush_if_large();
  }
  return offset;
}

bool JobLog::has_room(std::size_t bytes) {
  count(bytes);
  return closed_.empty();
}

void JobLog::count(std::size_t bytes) {
  output_bytes_ += bytes;
  if (limit_bytes_ == 0 || output_bytes_ <= limit_bytes_ || !closed_.empty()) return;
  closed_ = "The job's log has passed its limit of " + std::to_string(limit_bytes_ >> 20) +
            " MiB; what steps print from here on is dropped.";
}

void JobLog::add_mask(std::string_view value) {
  if (masker_.pattern_bytes() < kMaskBytes) return masker_.add_mask(value);
  if (!closed_.empty()) return;
  closed_ = "The job has asked to hide too many values; what steps print from here on is dropped.";
}

void JobLog::write_lines(std::string_view block) {
  if (!has_room(block.size())) return;
  masked_.clear();
  append_stamped(masker_.mask_into(block, masked_) ? std::string_view(masked_) : block);
}

void JobLog::write_long_line_piece(std::string_view masked) {
  if (!has_room(masked.size())) return;
  if (!line_open_) {
    stamp_ = log_stamp(ticks_now());
    append_stamp();
    line_open_ = true;
  }
  while (!masked.empty()) {
    const std::string_view part = masked.substr(0, kFlushBytes);
    buffer_.append(part);
    masked.remove_prefix(part.size());
    flush_if_large();
  }
}

void JobLog::end_long_line() {
  if (!line_open_) return;
  line_open_ = false;
  buffer_.push_back('\n');
  ++buffered_line_ends_;
  ++lines_;
}

void JobLog::say(std::string_view text) {
  count(text.size());
  if (limit_bytes_ != 0 && output_bytes_ > limit_bytes_ + kReserveBytes) return;
  std::string own = masker_.mask(text);
  own.push_back('\n');
  append_stamped(own);
}

void JobLog::append_stamped(std::string_view block) {
  end_long_line();
  stamp_ = log_stamp(ticks_now());
  while (!block.empty()) {
    const void* end = std::memchr(block.data(), '\n', block.size());
    const std::size_t length =
        end == nullptr ? block.size()
                       : static_cast<std::size_t>(static_cast<const char*>(end) - block.data()) + 1;
    append_stamp();
    buffer_.append(block.data(), length);
    ++buffered_line_ends_;
    ++lines_;
    block.remove_prefix(length);
    flush_if_large();
  }
}

void JobLog::append_stamp() {
  buffer_.append(stamp_.data(), stamp_.size());
}

void JobLog::flush_if_large() {
  if (buffer_.size() >= kFlushBytes) flush();
}

void JobLog::flush() {
  if (buffer_.empty()) return;
  try {
    if (problem_.empty()) writer_.append(buffer_, buffered_line_ends_);
  } catch (const core::Exception& exception) {
    problem_ = exception.what();
  }
  buffer_.clear();
  buffered_line_ends_ = 0;
}

}  // namespace gantry::daemon::runner
