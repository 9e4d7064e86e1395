// SPDX-License-Identifier: MIT
#include "core/workflow/ids.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <vector>

namespace gantry::core::workflow {
namespace {

constexpr std::size_t kMaxLength = 100;

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool is_inner(char c) {
  return is_letter(c) || (c >= '0' && c <= '9') || c == '-';
}

bool is_valid(std::string_view id) {
  return !id.empty() && id.size() < kMaxLength && is_letter(id.front()) &&
         std::all_of(id.begin(), id.end(), is_inner);
}

}  // namespace

std::string IdBuilder::add_given(std::string_view id) {
  const std::string subject = "The identifier '" + std::string(id) + "' ";
  if (!is_valid(id)) {
    // GitHub's text, with its doubled word.
    return subject +
           "is invalid. IDs may only contain alphanumeric characters, '_', and '-'. IDs must start "
           "with a letter or '_' and and must be less than 100 characters.";
  }
  if (id.starts_with("__")) return subject + "is invalid. IDs starting with '__' are reserved.";
  if (!taken_.insert(to_lower(id)).second) {
    return subject + "may not be used more than once within the same scope.";
  }
  return "";
}

std::string IdBuilder::generate(std::string_view text) {
  std::string id(text);
  std::replace_if(
      id.begin(), id.end(), [](char c) { return !is_inner(c); }, '_');
  int& attempt = attempts_[to_lower(id)];
  for (;;) {
    ++attempt;
    const std::string suffix = attempt == 1 ? "" : "_" + std::to_string(attempt);
    std::string candidate = id.substr(0, kMaxLength - suffix.size()) + suffix;
    if (taken_.insert(to_lower(candidate)).second) return candidate;
  }
}

std::string action_repository(std::string_view uses) {
  const auto parts = split(uses, '@');
  if (parts.size() != 2 || parts[1].empty()) return "";
  std::string path(parts[0]);
  std::replace(path.begin(), path.end(), '\\', '/');
  std::vector<std::string_view> names;
  for (const std::string_view name : split(path, '/')) {
    if (!name.empty()) names.push_back(name);
  }
  if (names.size() < 2) return "";
  return std::string(names[0]) + "/" + std::string(names[1]);
}

}  // namespace gantry::core::workflow
