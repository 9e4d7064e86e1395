// SPDX-License-Identifier: MIT
// Hides secrets in everything that leaves a job. Each value is also looked for in the forms
// programs print it in: its lines, base64 at all three offsets, escaped for JSON, URI, XML and
// shells. Hits that overlap or touch become one ***. Not thread-safe; copyable.
#pragma once

#include "core/run/pattern_search.hpp"

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace gantry::core::run {

class Masker {
 public:
  // A value of the job's secrets: whole and each line, trimmed.
  void add_secret(std::string_view value);
  // A value of ::add-mask:: : whole as given, and each line trimmed.
  void add_mask(std::string_view value);
  bool empty() const { return known_.empty(); }
  // Of the patterns that fit into a line; 0 when there is none.
  std::size_t longest_bytes() const { return longest_in_line_; }

  // How much is looked for, in all forms; what it costs in memory is a few times that.
  std::size_t pattern_bytes() const { return pattern_bytes_; }

  // Text as a whole (outputs, names, annotations): a secret of several lines is one hit.
  std::string mask(std::string_view text) const;
  bool has_secret(std::string_view text) const;

  // Log bytes, whole lines: appends their masked form to `out`. False, and nothing appended, when
  // there is no hit, so that the caller can write its own bytes without a copy. Line ends are kept:
  // a secret of several lines is hidden line by line.
  bool mask_into(std::string_view lines, std::string& out) const;

  // Merged, sorted hits that do not cross a line's end.
  std::vector<ByteRange> find_in_lines(std::string_view text) const;

 private:
  void add_lines(std::string_view value);
  void add_forms(std::string_view value);

  std::unordered_set<std::string> known_;
  std::size_t longest_in_line_ = 0;
  std::size_t pattern_bytes_ = 0;
  // Apart, because the shortest pattern sets the pace of a search.
  PatternSearch long_;
  PatternSearch short_;
  PatternSearch many_lines_;  // with a line feed in them
};

// Masks a line that comes in pieces of any size. Holds back what may be the start of a secret, at
// most `longest_bytes() - 1` bytes, until the next piece or finish().
class StreamMasker {
 public:
  explicit StreamMasker(const Masker& masker) : masker_(masker) {}
  // Appends to `out` what is certain. Secrets never span lines here, so a line feed settles all.
  void write(std::string_view piece, std::string& out);
  void finish(std::string& out);  // the held-back rest

 private:
  void settle(std::size_t until, std::string& out);

  const Masker& masker_;
  std::string held_;
  // A *** that is out already reaches to this place of `held_`; what touches it is part of it.
  bool in_hit_ = false;
  std::size_t covered_ = 0;
};

}  // namespace gantry::core::run
