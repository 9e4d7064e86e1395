// SPDX-License-Identifier: MIT
#include "core/run/problem_matcher.hpp"

#include "core/base/text.hpp"
#include "core/expr/value.hpp"
#include "core/run/regex.hpp"

#include <algorithm>
#include <charconv>
#include <set>

namespace gantry::core::run {
namespace {

using expr::Kind;
using expr::Value;

constexpr std::size_t kMostMatchers = 100;
constexpr std::size_t kMostPatterns = 20;
constexpr std::size_t kLongestText = 200;

struct Property {
  const char* name;
  int MatcherPattern::*group;
};
constexpr Property kProperties[] = {
    {"file", &MatcherPattern::file},         {"fromPath", &MatcherPattern::from_path},
    {"line", &MatcherPattern::line},         {"column", &MatcherPattern::column},
    {"severity", &MatcherPattern::severity}, {"code", &MatcherPattern::code},
    {"message", &MatcherPattern::message},
};

tl::unexpected<Error> refuse(std::string why) {
  return fail(Errc::invalid, std::move(why));
}

bool is_severity(std::string_view text) {
  for (const std::string_view known : {"error", "warning", "notice"}) {
    if (equals_ignoring_case(known, text)) return true;
  }
  return false;
}

class MatcherReader {
 public:
  Result<MatcherConfig> read(const Value& value) {
    if (value.kind() != Kind::object) return refuse("A matcher must be an object");
    TRY(config_.owner, text_of(value, "owner"));
    TRY(config_.severity, text_of(value, "severity"));
    if (config_.owner.empty()) return refuse("Owner must not be empty");
    if (!config_.severity.empty() && !is_severity(config_.severity)) {
      return refuse("Matcher '" + config_.owner + "' contains unexpected default severity '" +
                    config_.severity + "'");
    }
    const Value& patterns = value["pattern"];
    if (patterns.kind() != Kind::array || patterns.array().empty()) {
      return refuse("Matcher '" + config_.owner + "' does not contain any patterns");
    }
    if (patterns.array().size() > kMostPatterns) {
      return refuse("Matcher '" + config_.owner + "' has more than 20 patterns");
    }
    for (std::size_t i = 0; i < patterns.array().size(); ++i) {
      TRY(MatcherPattern pattern, read_pattern(patterns.array()[i]));
      const bool may_loop = i > 0 && i + 1 == patterns.array().size();
      if (pattern.loop && !may_loop) {
        return refuse("Only the last pattern in a multiline matcher may set 'loop'");
      }
      if (pattern.loop && pattern.message < 0) {
        return refuse("The loop pattern must set 'message'");
      }
      config_.patterns.push_back(std::move(pattern));
    }
    if (!given_.contains("message")) return refuse("At least one pattern must set 'message'");
    return std::move(config_);
  }

 private:
  static Result<std::string> text_of(const Value& value, std::string_view key) {
    const Value& text = value[key];
    if (text.is_null()) return std::string();
    if (text.kind() != Kind::string || text.string().size() > kLongestText) {
      return refuse("'" + std::string(key) + "' of a matcher must be a short text");
    }
    return text.string();
  }

  Result<MatcherPattern> read_pattern(const Value& value) {
    if (value.kind() != Kind::object) return refuse("A pattern must be an object");
    MatcherPattern pattern;
    const Value& expression = value["regexp"];
    if (!expression.is_null() && expression.kind() != Kind::string) {
      return refuse("'regexp' of a pattern must be a text");
    }
    TRY(pattern.regex, Regex::compile(expression.to_string()));
    for (const Property& property : kProperties) {
      const Value& number = value[property.name];
      if (number.is_null()) continue;
      const std::string name = "The property '" + std::string(property.name) + "' is ";
      if (!given_.insert(property.name).second) return refuse(name + "set twice");
      const double group = number.kind() == Kind::number ? number.number() : -1;
      if (group != static_cast<int>(group) || group < 0 || group >= pattern.regex->groups()) {
        return refuse(name + "set to " + number.to_string() +
                      ", which is out of range: the expression has groups 0 to " +
                      std::to_string(pattern.regex->groups() - 1));
      }
      pattern.*property.group = static_cast<int>(group);
    }
    pattern.loop = value["loop"].truthy();
    return pattern;
  }

  MatcherConfig config_;
  std::set<std::string> given_;
};

int positive_number(const std::optional<std::string>& text) {
  int number = 0;
  if (!text) return 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  return error == std::errc() && end == text->data() + text->size() && number > 0 ? number : 0;
}

}  // namespace

Result<std::vector<MatcherConfig>> parse_problem_matchers(std::string_view json) {
  TRY(const Value file, expr::parse_json(json));
  const Value& list = file["problemMatcher"];
  std::vector<MatcherConfig> matchers;
  if (file.kind() != Kind::object) return refuse("A matcher file must be a JSON object");
  if (list.is_null()) return matchers;
  if (list.kind() != Kind::array) return refuse("'problemMatcher' must be a list");
  if (list.array().size() > kMostMatchers) return refuse("It has more than 100 matchers");
  for (const Value& value : list.array()) {
    TRY(MatcherConfig matcher, MatcherReader().read(value));
    for (const MatcherConfig& other : matchers) {
      if (equals_ignoring_case(other.owner, matcher.owner)) {
        return refuse("Duplicate owner name '" + matcher.owner + "'");
      }
    }
    matchers.push_back(std::move(matcher));
  }
  return matchers;
}

void ProblemMatchers::add(MatcherConfig config) {
  remove(config.owner);
  Matcher matcher;
  matcher.begun.resize(config.patterns.size());
  matcher.config = std::move(config);
  matchers_.insert(matchers_.begin(), std::move(matcher));
  if (matchers_.size() > kMostMatchers) matchers_.pop_back();
}

void ProblemMatchers::remove(std::string_view owner) {
  std::erase_if(matchers_, [&](const Matcher& matcher) {
    return equals_ignoring_case(matcher.config.owner, owner);
  });
}

void ProblemMatchers::reset() {
  for (Matcher& matcher : matchers_)
    std::fill(matcher.begun.begin(), matcher.begun.end(), std::nullopt);
}

ProblemMatchers::Attempt ProblemMatchers::apply(const MatcherPattern& pattern,
                                                std::string_view line, Found& found) {
  std::vector<std::string_view> groups;
  const Regex::Found result = pattern.regex->search(line, groups);
  if (result != Regex::Found::yes) {
    return result == Regex::Found::no ? Attempt::missed : Attempt::too_hard;
  }
  const auto take = [&](int group, std::optional<std::string>& into) {
    if (group >= 0 && !into) into = std::string(groups[static_cast<std::size_t>(group)]);
  };
  take(pattern.file, found.file);
  take(pattern.from_path, found.from_path);
  take(pattern.line, found.line);
  take(pattern.column, found.column);
  take(pattern.severity, found.severity);
  take(pattern.code, found.code);
  take(pattern.message, found.message);
  return Attempt::matched;
}

// From the last pattern to the first, so that a line can continue one match and begin another.
ProblemMatchers::Attempt ProblemMatchers::try_line(Matcher& matcher, std::string_view line,
                                                   Found& found) {
  const auto& patterns = matcher.config.patterns;
  auto& begun = matcher.begun;
  for (std::size_t i = patterns.size(); i-- > 0;) {
    if (i > 0 && !begun[i - 1]) continue;
    Found so_far = i > 0 ? *begun[i - 1] : Found();
    const Attempt attempt = apply(patterns[i], line, so_far);
    if (attempt == Attempt::too_hard) return attempt;
    const bool is_last = i + 1 == patterns.size();
    if (!is_last) {
      begun[i] = attempt == Attempt::matched ? std::optional(std::move(so_far)) : std::nullopt;
      continue;
    }
    if (attempt == Attempt::missed) {
      if (i > 0) begun[i - 1].reset();
      continue;
    }
    std::optional<Found> kept;
    if (patterns[i].loop) kept = std::move(begun[i - 1]);
    std::fill(begun.begin(), begun.end(), std::nullopt);
    if (kept) begun[i - 1] = std::move(kept);
    found = std::move(so_far);
    return Attempt::matched;
  }
  return Attempt::missed;
}

std::optional<Problem> ProblemMatchers::problem_of(const Matcher& matcher, const Found& found) {
  Problem problem;
  problem.message = found.message.value_or("");
  if (trim(problem.message).empty()) return std::nullopt;
  std::string severity = found.severity.value_or("");
  if (severity.empty()) severity = matcher.config.severity;
  problem.severity = severity.empty() ? "error" : to_lower(severity);
  if (!is_severity(problem.severity)) return std::nullopt;
  problem.file = found.file.value_or("");
  problem.from_path = found.from_path.value_or("");
  problem.code = trim(found.code.value_or(""));
  problem.line = positive_number(found.line);
  problem.column = positive_number(found.column);
  return problem;
}

ProblemMatchers::Outcome ProblemMatchers::match(std::string_view line) {
  Outcome outcome;
  std::string stripped;
  if (line.find("\x1b[") != std::string_view::npos) {
    stripped = without_colours(line);
    line = stripped;
  }
  for (std::size_t i = 0; i < matchers_.size(); ++i) {
    Found found;
    const Attempt attempt = try_line(matchers_[i], line, found);
    if (attempt == Attempt::missed) continue;
    if (attempt == Attempt::too_hard) {
      outcome.given_up.push_back(matchers_[i].config.owner);
      continue;
    }
    for (std::size_t other = 0; other < matchers_.size(); ++other) {
      if (other != i)
        std::fill(matchers_[other].begun.begin(), matchers_[other].begun.end(), std::nullopt);
    }
    outcome.problem = problem_of(matchers_[i], found);
    if (outcome.problem) break;
  }
  for (const std::string& owner : outcome.given_up)
    remove(owner);
  return outcome;
}

std::string without_colours(std::string_view line) {
  std::string plain;
  for (std::size_t i = 0; i < line.size();) {
    if (line.substr(i, 2) != "\x1b[") {
      plain.push_back(line[i++]);
      continue;
    }
    i = std::min(line.find_first_not_of("0123456789;", i + 2), line.size());
    if (i < line.size() && line[i] == 'm') ++i;
  }
  return plain;
}

}  // namespace gantry::core::run
