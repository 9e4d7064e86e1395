// SPDX-License-Identifier: MIT
// What the `uses` of a step names, and whether the operator lets jobs use it. Pure.
#pragma once

#include "core/base/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace gantry::core::workflow {

enum class ActionSource { local, remote, docker };

struct ActionReference {
  ActionSource source = ActionSource::local;
  std::string repository;  // remote: owner/name
  std::string path;        // below the repository or the workspace; "" = its top
  std::string ref;         // remote: branch, tag or commit
  std::string image;       // docker

  bool is_pinned() const;       // ref is a full commit sha
  std::string written() const;  // owner/name/path@ref
};

// Refuses what could lead elsewhere: '..' in a path, a ref git would not take.
Result<ActionReference> parse_action_reference(std::string_view uses);

enum class Pinning { any_ref, full_sha };

struct ActionPolicy {
  // owner/name, owner/*, owner/name@v4, owner/name/path@*: '*' stands for anything, case does not
  // count; a pattern without '@' allows every ref, one without a path every path.
  std::vector<std::string> allow = {"*"};
  Pinning pinning = Pinning::any_ref;
};

// Why a remote action must not be used, with what to do; "" = it may.
std::string refuse_action(const ActionReference& reference, const ActionPolicy& policy);

}  // namespace gantry::core::workflow
