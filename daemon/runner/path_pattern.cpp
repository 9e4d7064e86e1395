// SPDX-License-Identifier: MIT
#include "daemon/runner/path_pattern.hpp"

#include "core/base/text.hpp"

namespace gantry::daemon::runner {
namespace {

using Segments = std::span<const std::string>;

// `pattern` at a '['. The class's end, or npos when it is no class but a plain '['.
std::size_t class_end(std::string_view pattern) {
  std::size_t at = 1;
  if (at < pattern.size() && (pattern[at] == '!' || pattern[at] == '^')) ++at;
  if (at < pattern.size() && pattern[at] == ']') ++at;
  const std::size_t end = pattern.find(']', at);
  return end;
}

bool class_has(std::string_view body, char c) {
  const bool negated = body.starts_with('!') || body.starts_with('^');
  if (negated) body.remove_prefix(1);
  bool found = false;
  for (std::size_t i = 0; i < body.size(); ++i) {
    if (i + 2 < body.size() && body[i + 1] == '-') {
      found = found || (body[i] <= c && c <= body[i + 2]);
      i += 2;
    } else {
      found = found || body[i] == c;
    }
  }
  return found != negated;
}

bool segment_matches(std::string_view pattern, std::string_view text) {
  while (!pattern.empty()) {
    const char c = pattern.front();
    if (c == '*') {
      while (pattern.starts_with('*'))
        pattern.remove_prefix(1);
      if (pattern.empty()) return true;
      for (std::size_t skip = 0; skip <= text.size(); ++skip) {
        if (segment_matches(pattern, text.substr(skip))) return true;
      }
      return false;
    }
    if (text.empty()) return false;
    const std::size_t end = c == '[' ? class_end(pattern) : std::string_view::npos;
    if (end != std::string_view::npos) {
      if (!class_has(pattern.substr(1, end - 1), text.front())) return false;
      pattern.remove_prefix(end + 1);
    } else {
      if (c == '\\' && pattern.size() > 1) pattern.remove_prefix(1);
      if ((c != '?') && pattern.front() != text.front()) return false;
      pattern.remove_prefix(1);
    }
    text.remove_prefix(1);
  }
  return text.empty();
}

enum class Mode { whole, beginning };

bool match_segments(Segments pattern, Segments path, Mode mode) {
  while (!pattern.empty()) {
    if (pattern.front() == "**") {
      if (pattern.size() == 1 || mode == Mode::beginning) return true;
      for (std::size_t skip = 0; skip <= path.size(); ++skip) {
        if (match_segments(pattern.subspan(1), path.subspan(skip), mode)) return true;
      }
      return false;
    }
    if (path.empty()) return mode == Mode::beginning;
    if (!segment_matches(pattern.front(), path.front())) return false;
    pattern = pattern.subspan(1);
    path = path.subspan(1);
  }
  return path.empty();
}

bool has_wildcard(std::string_view segment) {
  for (std::size_t i = 0; i < segment.size(); ++i) {
    if (segment[i] == '\\') {
      ++i;
    } else if (segment[i] == '*' || segment[i] == '?' || segment[i] == '[') {
      return true;
    }
  }
  return false;
}

std::string unescaped(std::string_view segment) {
  std::string text;
  for (std::size_t i = 0; i < segment.size(); ++i) {
    if (segment[i] == '\\' && i + 1 < segment.size()) ++i;
    text.push_back(segment[i]);
  }
  return text;
}

std::string absolute(std::string_view pattern, std::string_view working_folder,
                     std::string_view home) {
  if (pattern == "~" || pattern.starts_with("~/")) {
    return std::string(home) + std::string(pattern.substr(1));
  }
  if (pattern.starts_with('/')) return std::string(pattern);
  return std::string(working_folder) + '/' + std::string(pattern);
}

}  // namespace

std::vector<std::string> path_segments(std::string_view path) {
  std::vector<std::string> segments;
  for (const std::string_view part : core::split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (!segments.empty()) segments.pop_back();
    } else {
      segments.emplace_back(part);
    }
  }
  return segments;
}

bool PathPattern::matches(Segments path) const {
  return match_segments(segments, path, Mode::whole);
}

bool PathPattern::may_match_below(Segments path) const {
  return match_segments(segments, path, Mode::beginning);
}

std::vector<std::string> PathPattern::search_root() const {
  std::vector<std::string> root;
  for (const std::string& segment : segments) {
    if (has_wildcard(segment)) break;
    root.push_back(unescaped(segment));
  }
  return root;
}

std::vector<PathPattern> parse_path_patterns(std::string_view lines,
                                             std::string_view working_folder,
                                             std::string_view home) {
  std::vector<PathPattern> patterns;
  for (const std::string_view line : core::split(lines, '\n')) {
    std::string_view text = core::trim(line);
    if (text.empty() || text.starts_with('#')) continue;
    PathPattern pattern;
    while (text.starts_with('!')) {
      pattern.sign = pattern.sign == PathPattern::Sign::include ? PathPattern::Sign::exclude
                                                                : PathPattern::Sign::include;
      text = core::trim(text.substr(1));
    }
    if (text.empty()) continue;
    if (text.ends_with('/') && text.size() > 1) pattern.reach = PathPattern::Reach::folders;
    pattern.segments = path_segments(absolute(text, working_folder, home));
    patterns.push_back(pattern);
    if (pattern.reach == PathPattern::Reach::folders || pattern.segments.empty() ||
        pattern.segments.back() != "**") {
      pattern.reach = PathPattern::Reach::everything;
      pattern.segments.emplace_back("**");
      patterns.push_back(std::move(pattern));
    }
  }
  return patterns;
}

}  // namespace gantry::daemon::runner
