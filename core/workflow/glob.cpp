// SPDX-License-Identifier: MIT
#include "core/workflow/glob.hpp"

#include <algorithm>
#include <string>

namespace gantry::core::workflow {
namespace {

constexpr std::size_t kMaxPatternBytes = 1000;

std::size_t byte_of(char c) {
  return static_cast<unsigned char>(c);
}

bool is_range_border(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

}  // namespace

// Reads a pattern left to right into parts; each part consumes one byte, once or repeatedly.
class GlobCompiler {
 public:
  explicit GlobCompiler(std::string_view pattern) : pattern_(pattern) {}

  Result<Glob> run() {
    if (pattern_.empty()) return refuse("it is empty");
    if (pattern_.size() > kMaxPatternBytes) return refuse("it is longer than 1,000 bytes");
    while (at_ < pattern_.size()) {
      const char c = pattern_[at_];
      Result<> step;
      if (c == '*') {
        star();
      } else if (c == '?' || c == '+') {
        step = quantifier(c);
      } else if (c == '[') {
        step = set();
      } else {
        step = character(c);
      }
      if (!step) return fail(std::move(step.error()));
    }
    return std::move(glob_);
  }

 private:
  using Part = Glob::Part;
  using Repeat = Glob::Repeat;

  tl::unexpected<Error> refuse(std::string_view why) const {
    return fail(Errc::invalid, "reading filter pattern '" + std::string(pattern_.substr(0, 200)) +
                                   "': " + std::string(why));
  }

  void star() {
    Part part;
    part.bytes.set();
    part.repeat = Repeat::any;
    quantifiable_ = false;
    if (!pattern_.substr(at_).starts_with("**")) {
      part.bytes.reset(byte_of('/'));
      glob_.parts_.push_back(part);
      at_ += 1;
      return;
    }
    // "**/" is whole folders or none: the text before the slash may be left out together with it.
    const bool folders = pattern_.substr(at_).starts_with("**/");
    glob_.parts_.push_back(part);
    at_ += 2;
    if (!folders) return;
    Part slash;
    slash.bytes.set(byte_of('/'));
    glob_.parts_.back().skip_to = glob_.parts_.size() + 1;
    glob_.parts_.push_back(slash);
    at_ += 1;
  }

  Result<> quantifier(char c) {
    if (!quantifiable_) {
      return refuse(std::string("'") + c + "' must follow a character or a set; write '\\" + c +
                    "' for the character itself");
    }
    quantifiable_ = false;
    Part again = glob_.parts_.back();
    if (c == '?') {
      glob_.parts_.back().repeat = Repeat::optional;
    } else {
      again.repeat = Repeat::any;
      glob_.parts_.push_back(again);
    }
    ++at_;
    return {};
  }

  Result<> set() {
    const std::size_t end = pattern_.find(']', at_ + 1);
    if (end == std::string_view::npos) return refuse("'[' has no closing ']'");
    if (end == at_ + 1) return refuse("'[]' is empty");
    Part part;
    for (std::size_t i = at_ + 1; i < end; ++i) {
      const char low = pattern_[i];
      if (i + 2 < end && pattern_[i + 1] == '-') {
        const char high = pattern_[i + 2];
        if (!is_range_border(low) || !is_range_border(high) || low > high) {
          return refuse("'" + std::string(pattern_.substr(i, 3)) +
                        "' is no range; ranges go from one letter or digit up to another");
        }
        for (std::size_t byte = byte_of(low); byte <= byte_of(high); ++byte)
          part.bytes.set(byte);
        i += 2;
      } else {
        part.bytes.set(byte_of(low));
      }
    }
    glob_.parts_.push_back(part);
    quantifiable_ = true;
    at_ = end + 1;
    return {};
  }

  Result<> character(char c) {
    if (c == '\\') {
      if (++at_ == pattern_.size()) return refuse("'\\' has no character after it");
      c = pattern_[at_];
    }
    Part part;
    part.bytes.set(byte_of(c));
    glob_.parts_.push_back(part);
    quantifiable_ = true;
    ++at_;
    return {};
  }

  std::string_view pattern_;
  std::size_t at_ = 0;
  bool quantifiable_ = false;
  Glob glob_;
};

Result<Glob> Glob::compile(std::string_view pattern) {
  return GlobCompiler(pattern).run();
}

// Marks `part` and all parts reachable from it without reading anything.
void Glob::enter(std::vector<bool>& active, std::size_t part) const {
  while (part <= parts_.size() && !active[part]) {
    active[part] = true;
    if (part == parts_.size()) return;
    if (parts_[part].skip_to != 0) enter(active, parts_[part].skip_to);
    if (parts_[part].repeat == Repeat::once) return;
    ++part;
  }
}

// All parts the text can have reached are followed at once, so the time is text × parts.
bool Glob::matches(std::string_view text) const {
  std::vector<bool> active(parts_.size() + 1), next(parts_.size() + 1);
  enter(active, 0);
  for (const char c : text) {
    std::fill(next.begin(), next.end(), false);
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      if (!active[i] || !parts_[i].bytes.test(byte_of(c))) continue;
      // Not enter(): once some of "**/" is read, its slash can no longer be left out.
      if (parts_[i].repeat == Repeat::any) next[i] = true;
      enter(next, i + 1);
    }
    active.swap(next);
  }
  return active[parts_.size()];
}

Result<PatternList> PatternList::compile(std::span<const Located<std::string>> patterns) {
  PatternList list;
  for (const auto& pattern : patterns) {
    const bool negative = pattern.value.starts_with('!');
    TRY(Glob glob, Glob::compile(std::string_view(pattern.value).substr(negative ? 1 : 0)));
    list.entries_.push_back({std::move(glob), negative});
  }
  return list;
}

FilterMatch PatternList::match(std::string_view text) const {
  FilterMatch result;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].glob.matches(text)) result = {!entries_[i].negative, i};
  }
  return result;
}

std::vector<yaml::Diagnostic> check_patterns(const Workflow& workflow) {
  std::vector<yaml::Diagnostic> problems;
  for (const auto& trigger : workflow.on) {
    for (const Filter* filter : {&trigger.branches, &trigger.branches_ignore, &trigger.tags,
                                 &trigger.tags_ignore, &trigger.paths, &trigger.paths_ignore}) {
      if (!filter->has_value()) continue;
      for (const auto& pattern : **filter) {
        const auto compiled = PatternList::compile({&pattern, 1});
        if (compiled) continue;
        problems.push_back(
            {.position = pattern.position, .message = compiled.error().message, .kind = "pattern"});
      }
    }
  }
  return problems;
}

}  // namespace gantry::core::workflow
