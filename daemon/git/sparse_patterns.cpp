// SPDX-License-Identifier: MIT
#include "daemon/git/sparse_patterns.hpp"

#include "core/base/text.hpp"

#include <algorithm>

namespace gantry::daemon::git {
namespace {

// The end of the bracket expression that starts at `at`, or npos.
std::size_t end_of_set(std::string_view glob, std::size_t at) {
  std::size_t end = at + 1;
  if (end < glob.size() && (glob[end] == '!' || glob[end] == '^')) ++end;
  return glob.find(']', end + 1);
}

bool set_has(std::string_view set, char c) {
  const bool is_negated = !set.empty() && (set.front() == '!' || set.front() == '^');
  if (is_negated) set.remove_prefix(1);
  bool found = false;
  for (std::size_t i = 0; i < set.size(); ++i) {
    if (i + 2 < set.size() && set[i + 1] == '-') {
      found = found || (set[i] <= c && c <= set[i + 2]);
      i += 2;
    } else {
      found = found || set[i] == c;
    }
  }
  return found != is_negated && c != '/';
}

bool matches(std::string_view glob, std::string_view text, int& steps);

bool matches_star(std::string_view glob, std::string_view text, int& steps) {
  const bool is_double = glob.starts_with("**");
  if (is_double && glob.starts_with("**/")) {
    // Any number of folders, none too.
    for (std::size_t at = 0;;) {
      if (matches(glob.substr(3), text.substr(at), steps)) return true;
      at = text.find('/', at);
      if (at == std::string_view::npos) return false;
      ++at;
    }
  }
  const std::string_view rest = glob.substr(is_double ? 2 : 1);
  for (std::size_t at = 0; at <= text.size(); ++at) {
    if (matches(rest, text.substr(at), steps)) return true;
    if (at < text.size() && text[at] == '/' && !is_double) return false;
  }
  return false;
}

bool matches(std::string_view glob, std::string_view text, int& steps) {
  if (--steps < 0) return false;  // a pattern made to take for ever matches nothing
  while (!glob.empty()) {
    if (glob.front() == '*') return matches_star(glob, text, steps);
    if (text.empty()) return false;
    std::size_t used = 1;
    if (glob.front() == '?') {
      if (text.front() == '/') return false;
    } else if (const std::size_t end = end_of_set(glob, 0);
               glob.front() == '[' && end != std::string_view::npos) {
      if (!set_has(glob.substr(1, end - 1), text.front())) return false;
      used = end + 1;
    } else {
      if (glob.front() == '\\' && glob.size() > 1) glob.remove_prefix(1);
      if (glob.front() != text.front()) return false;
    }
    glob.remove_prefix(used);
    text.remove_prefix(1);
  }
  return text.empty();
}

constexpr int kMostSteps = 100'000;

}  // namespace

SparsePatterns::SparsePatterns(const std::vector<std::string>& lines) {
  for (std::string_view line : lines) {
    if (line.empty() || line.front() == '#') continue;
    Pattern pattern;
    pattern.takes = line.front() != '!';
    if (!pattern.takes) line.remove_prefix(1);
    pattern.folders_only = line.ends_with('/');
    if (pattern.folders_only) line.remove_suffix(1);
    pattern.anchored = line.find('/') != std::string_view::npos;
    if (line.starts_with('/')) line.remove_prefix(1);
    pattern.glob = line;
    if (!line.empty()) patterns_.push_back(std::move(pattern));
  }
}

const SparsePatterns::Pattern* SparsePatterns::match(std::string_view path, Kind kind) const {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const auto fits = [&](const Pattern& pattern) {
    if (pattern.folders_only && kind == Kind::file) return false;
    int steps = kMostSteps;
    return matches(pattern.glob, pattern.anchored ? path : name, steps);
  };
  const auto last = std::find_if(patterns_.rbegin(), patterns_.rend(), fits);
  return last == patterns_.rend() ? nullptr : &*last;
}

bool SparsePatterns::takes(std::string_view file) const {
  Kind kind = Kind::file;
  for (std::string_view path = file;;) {
    if (const Pattern* pattern = match(path, kind)) return pattern->takes;
    const std::size_t slash = path.rfind('/');
    if (slash == std::string_view::npos) return false;
    path = path.substr(0, slash);
    kind = Kind::folder;
  }
}

}  // namespace gantry::daemon::git
