// SPDX-License-Identifier: MIT
#include "core/workflow/permissions.hpp"

namespace gantry::core::workflow {
namespace {

constexpr std::size_t kShorthandScopes = 13;

AccessLevel level_of(const Token& token) {
  if (token.text == "write") return AccessLevel::write;
  return token.text == "read" ? AccessLevel::read : AccessLevel::none;
}

}  // namespace

std::string_view to_string(AccessLevel level) {
  switch (level) {
    case AccessLevel::none:
      return "none";
    case AccessLevel::read:
      return "read";
    case AccessLevel::write:
      return "write";
  }
  return "";
}

Permissions Permissions::all(AccessLevel level) {
  Permissions permissions;
  for (std::size_t i = 0; i < kShorthandScopes; ++i)
    permissions.levels_[i] = level;
  return permissions;
}

Permissions Permissions::limited_read() {
  Permissions permissions;
  permissions.set("contents", AccessLevel::read);
  permissions.set("packages", AccessLevel::read);
  return permissions;
}

std::optional<Permissions> Permissions::of(const Token& token) {
  if (token.is_null()) return std::nullopt;
  if (token.text == "read-all") return all(AccessLevel::read);
  if (token.text == "write-all") return all(AccessLevel::write);
  Permissions permissions;
  for (const auto& [scope, level] : token.entries)
    permissions.set(scope.text, level_of(level));
  return permissions;
}

void Permissions::set(std::string_view scope, AccessLevel level) {
  for (std::size_t i = 0; i < kScopes.size(); ++i) {
    if (kScopes[i] == scope) levels_[i] = level;
  }
}

std::vector<Permissions::Violation> Permissions::beyond(const Permissions& allowed) const {
  std::vector<Violation> violations;
  for (std::size_t i = 0; i < kScopes.size(); ++i) {
    if (levels_[i] <= allowed.levels_[i]) continue;
    const std::string scope = std::string(kScopes[i]) + ": ";
    violations.push_back({scope + std::string(to_string(levels_[i])),
                          scope + std::string(to_string(allowed.levels_[i]))});
  }
  return violations;
}

}  // namespace gantry::core::workflow
