// SPDX-License-Identifier: MIT
// Finds all occurrences of many byte strings at once (Wu-Manber: jumps over bytes that end no
// pattern's prefix; an occurrence is followed by its pattern's KMP automaton, so that no text makes
// the search quadratic). Patterns may be added at any time. Copyable.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::core::run {

struct ByteRange {
  std::size_t begin = 0;
  std::size_t end = 0;
};

class PatternSearch {
 public:
  void add(std::string pattern);  // not empty
  bool empty() const { return patterns_.empty(); }
  // Appends every occurrence to `found`, those of one pattern that overlap as one. Not sorted.
  void find(std::string_view text, std::vector<ByteRange>& found) const;

 private:
  static constexpr std::size_t kMaxWindow = 32;
  static constexpr std::size_t kTableBits = 14;
  static constexpr std::uint32_t kNone = UINT32_MAX;
  struct Pattern {
    std::string bytes;
    std::vector<std::uint32_t> borders;  // KMP failure function
    std::uint32_t next_in_bucket = kNone;
  };
  // An automaton that already looked at all starts before `resume`.
  struct Follow {
    std::uint32_t pattern = 0;
    std::size_t resume = 0;
  };

  void reset(std::size_t window);
  void enter(std::uint32_t index);
  std::size_t block_at(const char* last) const;
  void try_bucket(std::string_view text, std::size_t start, std::vector<Follow>& follows,
                  std::vector<ByteRange>& found) const;
  std::size_t follow(const Pattern& pattern, std::string_view text, std::size_t start,
                     std::vector<ByteRange>& found) const;

  std::size_t window_ = kMaxWindow + 1;  // bytes of each pattern's front that the tables know
  std::vector<std::uint8_t> shift_;      // by block; empty until there is a pattern
  std::vector<std::uint32_t> bucket_;    // first pattern whose window ends in the block
  std::vector<Pattern> patterns_;
};

}  // namespace gantry::core::run
