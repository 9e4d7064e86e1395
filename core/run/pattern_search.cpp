// SPDX-License-Identifier: MIT
#include "core/run/pattern_search.hpp"

#include <algorithm>
#include <cstring>

namespace gantry::core::run {
namespace {

std::vector<std::uint32_t> borders_of(std::string_view bytes) {
  std::vector<std::uint32_t> borders(bytes.size() + 1, 0);
  std::uint32_t length = 0;
  for (std::size_t i = 1; i < bytes.size(); ++i) {
    while (length > 0 && bytes[i] != bytes[length])
      length = borders[length];
    if (bytes[i] == bytes[length]) ++length;
    borders[i + 1] = length;
  }
  return borders;
}

}  // namespace

void PatternSearch::add(std::string pattern) {
  const std::size_t window = std::min(pattern.size(), kMaxWindow);
  auto borders = borders_of(pattern);
  patterns_.push_back({std::move(pattern), std::move(borders), kNone});
  if (window < window_) {
    reset(window);
    for (std::uint32_t i = 0; i < patterns_.size(); ++i)
      enter(i);
  } else {
    enter(static_cast<std::uint32_t>(patterns_.size() - 1));
  }
}

void PatternSearch::reset(std::size_t window) {
  window_ = window;
  // A block that no window holds lets the search jump a whole window, less the block's overlap.
  shift_.assign(1U << kTableBits, static_cast<std::uint8_t>(window < 2 ? 1 : window - 1));
  bucket_.assign(1U << kTableBits, kNone);
}

// The two bytes that end at `last`, or the one when a pattern is a single byte.
std::size_t PatternSearch::block_at(const char* last) const {
  const auto byte = static_cast<unsigned char>(*last);
  if (window_ < 2) return byte;
  return (static_cast<std::size_t>(static_cast<unsigned char>(last[-1])) << 6U) ^ byte;
}

void PatternSearch::enter(std::uint32_t index) {
  Pattern& pattern = patterns_[index];
  const char* front = pattern.bytes.data();
  for (std::size_t i = window_ < 2 ? 0 : 1; i < window_; ++i) {
    std::uint8_t& shift = shift_[block_at(front + i)];
    shift = std::min(shift, static_cast<std::uint8_t>(window_ - 1 - i));
  }
  std::uint32_t& bucket = bucket_[block_at(front + window_ - 1)];
  pattern.next_in_bucket = bucket;
  bucket = index;
}

void PatternSearch::find(std::string_view text, std::vector<ByteRange>& found) const {
  if (patterns_.empty() || text.size() < window_) return;
  std::vector<Follow> follows;
  const char* data = text.data();
  std::size_t last = window_ - 1;
  while (last < text.size()) {
    const std::uint8_t shift = shift_[block_at(data + last)];
    last += shift;
    if (shift != 0) continue;
    try_bucket(text, last + 1 - window_, follows, found);
    ++last;
  }
}

void PatternSearch::try_bucket(std::string_view text, std::size_t start,
                               std::vector<Follow>& follows, std::vector<ByteRange>& found) const {
  std::uint32_t index = bucket_[block_at(text.data() + start + window_ - 1)];
  for (; index != kNone; index = patterns_[index].next_in_bucket) {
    const Pattern& pattern = patterns_[index];
    if (std::memcmp(text.data() + start, pattern.bytes.data(), window_) != 0) continue;
    auto known = std::find_if(follows.begin(), follows.end(),
                              [&](const Follow& f) { return f.pattern == index; });
    if (known != follows.end() && start < known->resume) continue;
    const std::size_t resume = follow(pattern, text, start, found);
    if (known != follows.end()) {
      known->resume = resume;
    } else {
      follows.push_back({index, resume});
    }
  }
}

// Runs the automaton from `start` until less than a window of the pattern fits; every start before
// the returned place has been looked at.
std::size_t PatternSearch::follow(const Pattern& pattern, std::string_view text, std::size_t start,
                                  std::vector<ByteRange>& found) const {
  const std::string& bytes = pattern.bytes;
  std::size_t at = start + window_;
  std::size_t matched = window_;
  bool any = false;
  while (matched >= window_) {
    if (matched == bytes.size()) {
      if (any && at - matched <= found.back().end) {
        found.back().end = at;
      } else {
        found.push_back({at - matched, at});
        any = true;
      }
    }
    if (at == text.size()) return at;
    while (matched > 0 && (matched == bytes.size() || text[at] != bytes[matched])) {
      matched = pattern.borders[matched];
    }
    if (text[at] == bytes[matched]) ++matched;
    ++at;
  }
  return at - matched;
}

}  // namespace gantry::core::run
