// SPDX-License-Identifier: MIT
// Problem matchers: regular expressions that turn lines of a tool's output into annotations.
// Pure. The work one line can cause is bounded by its length, whatever the expression is.
// Source of the format: github.com/actions/toolkit docs/problem-matchers.md.
#pragma once

#include "core/base/result.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::core::run {

// What a line says, as written there; "" = nothing.
struct Problem {
  std::string severity;  // error, warning or notice
  std::string file, from_path, code, message;
  int line = 0, column = 0;  // 0 = none
};

class Regex;  // a compiled expression

struct MatcherPattern {
  std::shared_ptr<const Regex> regex;  // shared by copies of the pattern; immutable
  // Numbers of groups; -1 = the pattern does not give it.
  int file = -1, from_path = -1, line = -1, column = -1, severity = -1, code = -1, message = -1;
  bool loop = false;
};

struct MatcherConfig {
  std::string owner;
  std::string severity;  // default; "" = error
  std::vector<MatcherPattern> patterns;
};

// A file of ::add-matcher::, JSON. Everything it must hold to is checked, expressions included.
Result<std::vector<MatcherConfig>> parse_problem_matchers(std::string_view json);

// The matchers of a job. Owners are compared ignoring case.
class ProblemMatchers {
 public:
  bool empty() const { return matchers_.empty(); }
  void add(MatcherConfig config);  // in place of one with the same owner; tried first
  void remove(std::string_view owner);
  void reset();  // forgets what earlier lines began; at the start of a step

  struct Outcome {
    std::optional<Problem> problem;
    std::vector<std::string> given_up;  // owners of matchers removed: the line was too hard
  };
  // A line without its end; colour codes are passed over. Not before `add`.
  Outcome match(std::string_view line);

 private:
  struct Found {
    std::optional<std::string> file, from_path, line, column, severity, code, message;
  };
  struct Matcher {
    MatcherConfig config;
    std::vector<std::optional<Found>> begun;  // by pattern; the last has none
  };
  enum class Attempt { matched, missed, too_hard };
  static Attempt try_line(Matcher& matcher, std::string_view line, Found& found);
  static Attempt apply(const MatcherPattern& pattern, std::string_view line, Found& found);
  static std::optional<Problem> problem_of(const Matcher& matcher, const Found& found);

  std::vector<Matcher> matchers_;  // newest first
};

// The line without terminal colour codes, as matchers and annotations see it.
std::string without_colours(std::string_view line);

}  // namespace gantry::core::run
