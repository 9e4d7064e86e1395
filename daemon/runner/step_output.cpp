// SPDX-License-Identifier: MIT
#include "daemon/runner/step_output.hpp"

#include <algorithm>
#include <cstring>

namespace gantry::daemon::runner {
namespace {

// What a long line is cut into, so that masking it needs little memory.
constexpr std::size_t kPieceBytes = 64 << 10;

std::size_t line_length(std::string_view bytes) {
  const std::size_t end = bytes.find('\n');
  return end == std::string_view::npos ? bytes.size() : end + 1;
}

// Cheap and never wrong about a real command: `::` first after white space, or `##[` anywhere.
bool may_be_command(std::string_view line, bool block_has_old_form) {
  const std::size_t start = line.find_first_not_of(" \t\v\f\r");
  if (start == std::string_view::npos) return false;
  if (line[start] == ':') return line.substr(start, 2) == "::";
  return block_has_old_form && line.find("##[") != std::string_view::npos;
}

}  // namespace

StepOutput::StepOutput(JobLog& log, OnCommand on_command, WantsAll wants_all)
    : log_(log), on_command_(std::move(on_command)), wants_all_(std::move(wants_all)) {}

std::span<char> StepOutput::space() {
  if (room_ < held_ + kReadBytes) make_room(held_ + kReadBytes);
  return {buffer_.get() + held_, room_ - held_};
}

// Keeps what is held.
void StepOutput::make_room(std::size_t bytes) {
  auto larger = std::make_unique_for_overwrite<char[]>(bytes);
  if (held_ > 0) std::memcpy(larger.get(), buffer_.get(), held_);
  buffer_ = std::move(larger);
  room_ = bytes;
}

void StepOutput::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::span<char> into = space();
    const std::size_t count = std::min(into.size(), bytes.size());
    std::memcpy(into.data(), bytes.data(), count);
    commit(count);
    bytes.remove_prefix(count);
  }
}

void StepOutput::commit(std::size_t count) {
  const std::size_t fresh_from = held_;
  held_ += count;
  std::string_view bytes(buffer_.get(), held_);
  if (masker_) take_long_line(bytes);
  const std::size_t last_end =
      masker_ || held_ == fresh_from ? std::string_view::npos : bytes.rfind('\n');
  if (last_end != std::string_view::npos) {
    take_lines(bytes.substr(0, last_end + 1));
    bytes.remove_prefix(last_end + 1);
  }
  if (!masker_ && bytes.size() > kLongestHeldLine) {
    masker_.emplace(log_.masker());
    take_long_line(bytes);
  }
  drop_front(held_ - bytes.size());
}

void StepOutput::drop_front(std::size_t bytes) {
  held_ -= bytes;
  if (bytes > 0 && held_ > 0) std::memmove(buffer_.get(), buffer_.get() + bytes, held_);
  if (held_ == 0 && room_ > kReadBytes) make_room(kReadBytes);
}

// Up to the line's end, or all there is.
void StepOutput::take_long_line(std::string_view& bytes) {
  while (!bytes.empty()) {
    const std::size_t length = line_length(bytes.substr(0, kPieceBytes));
    const bool ends = bytes[length - 1] == '\n';
    piece_.clear();
    masker_->write(bytes.substr(0, ends ? length - 1 : length), piece_);
    if (ends) masker_->finish(piece_);
    log_.write_long_line_piece(piece_);
    bytes.remove_prefix(length);
    if (!ends) continue;
    log_.end_long_line();
    masker_.reset();
    return;
  }
}

void StepOutput::take_lines(std::string_view lines) {
  const bool has_old_form = lines.find("##[") != std::string_view::npos;
  bool wants_all = wants_all_();
  std::size_t plain = 0;  // bytes at the front that are no commands
  std::size_t at = 0;
  while (at < lines.size()) {
    const std::size_t length = line_length(lines.substr(at));
    const std::string_view line = lines.substr(at, length);
    const bool is_command = may_be_command(line, has_old_form);
    if (wants_all || is_command) {
      // What came before must be in the log before the command's own words are.
      if (at > plain) log_.write_lines(lines.substr(plain, at - plain));
      plain = at;
      std::string_view text = line.substr(0, length - 1);
      if (text.ends_with('\r')) text.remove_suffix(1);
      if (on_command_(text)) plain = at + length;
      if (is_command) wants_all = wants_all_();  // it may just have been changed
    }
    at += length;
  }
  if (at > plain) log_.write_lines(lines.substr(plain));
}

void StepOutput::finish() {
  if (masker_) {
    piece_.clear();
    masker_->finish(piece_);
    log_.write_long_line_piece(piece_);
    log_.end_long_line();
    masker_.reset();
  } else if (held_ > 0) {
    const std::string line = std::string(buffer_.get(), held_) + '\n';
    take_lines(line);
  }
  held_ = 0;
}

}  // namespace gantry::daemon::runner
