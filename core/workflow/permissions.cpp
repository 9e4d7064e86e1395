// SPDX-License-Identifier: MIT
#include "core/workflow/permissions.hpp"

#include <algorithm>

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

Permissions Permissions::reading() const {
  Permissions permissions = *this;
  for (AccessLevel& level : permissions.levels_) {
    if (level == AccessLevel::write) level = AccessLevel::read;
  }
  permissions.set("id-token", AccessLevel::none);
  return permissions;
}

std::map<std::string, std::string> Permissions::of_token() const {
  // The others are no scopes of an App's token.
  constexpr std::string_view unknown[] = {"id-token", "code-quality", "copilot-requests", "drives",
                                          "models"};
  std::map<std::string, std::string> permissions;
  for (std::size_t i = 0; i < kScopes.size(); ++i) {
    const bool is_known =
        std::find(std::begin(unknown), std::end(unknown), kScopes[i]) == std::end(unknown);
    if (levels_[i] == AccessLevel::none || !is_known) continue;
    std::string name(kScopes[i]);
    std::replace(name.begin(), name.end(), '-', '_');
    permissions[name] = to_string(levels_[i]);
  }
  // Without any it would be a token for everything.
  if (permissions.empty()) permissions["metadata"] = "read";
  return permissions;
}

}  // namespace gantry::core::workflow
