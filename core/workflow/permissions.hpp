// SPDX-License-Identifier: MIT
// What a job's token may do, by scope, as `permissions` says it.
#pragma once

#include "core/workflow/token.hpp"

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::core::workflow {

enum class AccessLevel { none, read, write };
std::string_view to_string(AccessLevel level);

class Permissions {
 public:
  // In the order of GitHub's messages. Only the first thirteen are meant by read-all and write-all.
  static constexpr std::array<std::string_view, 20> kScopes = {
      "actions",          "checks",
      "contents",         "deployments",
      "discussions",      "issues",
      "packages",         "pages",
      "pull-requests",    "repository-projects",
      "statuses",         "security-events",
      "id-token",         "artifact-metadata",
      "attestations",     "code-quality",
      "copilot-requests", "drives",
      "models",           "vulnerability-alerts"};

  static Permissions all(AccessLevel level);
  // Of an organisation that grants little by default: contents and packages may be read.
  static Permissions limited_read();
  // Of the key's value; nullopt when it is absent. What is not named is none.
  static std::optional<Permissions> of(const Token& token);

  AccessLevel level(std::size_t scope) const { return levels_[scope]; }
  void set(std::string_view scope, AccessLevel level);  // unknown scopes are ignored

  struct Violation {
    std::string requested, allowed;  // "contents: write", "contents: read"
  };
  std::vector<Violation> beyond(const Permissions& allowed) const;

  // Nothing is written, and no identity is given away: for runs from forks.
  Permissions reading() const;
  // By the names of GitHub's REST API, what its tokens know of; never empty.
  std::map<std::string, std::string> of_token() const;

 private:
  std::array<AccessLevel, kScopes.size()> levels_{};
};

}  // namespace gantry::core::workflow
