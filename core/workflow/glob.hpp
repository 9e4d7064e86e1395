// SPDX-License-Identifier: MIT
// Filter patterns of `on.*.branches`, `tags` and `paths`. `*` any text without '/', `**` any text,
// `**/` whole folders or none, `x?` and `x+` quantify the character (or set) before, `[a-z]` sets,
// `\` takes the next character literally. Whole text, case-sensitive, time linear in the text.
// Source: docs.github.com "Workflow syntax", filter pattern cheat sheet.
#pragma once

#include "core/base/result.hpp"
#include "core/workflow/workflow.hpp"

#include <bitset>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace gantry::core::workflow {

class Glob {
 public:
  // `pattern` without the leading '!' of a negation; at most 1,000 bytes.
  static Result<Glob> compile(std::string_view pattern);
  bool matches(std::string_view text) const;

 private:
  enum class Repeat { once, optional, any };
  struct Part {
    std::bitset<256> bytes;
    Repeat repeat = Repeat::once;
    std::size_t skip_to = 0;  // of a folder prefix: the part after it, reachable without it
  };
  void enter(std::vector<bool>& active, std::size_t part) const;
  friend class GlobCompiler;

  std::vector<Part> parts_;
};

// Patterns are run top down and the last match wins; only negative ones select nothing.
struct FilterMatch {
  bool selected = false;
  std::optional<std::size_t> decided_by;  // index of the pattern that matched last
};

class PatternList {
 public:
  static Result<PatternList> compile(std::span<const Located<std::string>> patterns);
  FilterMatch match(std::string_view text) const;

 private:
  struct Entry {
    Glob glob;
    bool negative = false;
  };
  std::vector<Entry> entries_;
};

// Patterns of the workflow's filters that cannot be compiled, each at its place.
std::vector<yaml::Diagnostic> check_patterns(const Workflow& workflow);

}  // namespace gantry::core::workflow
