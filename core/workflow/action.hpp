// SPDX-License-Identifier: MIT
// An action's manifest (action.yml) as data, read like a workflow: every error has its place in the
// action's own file. Source: docs.github.com "Metadata syntax".
#pragma once

#include "core/workflow/workflow.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::core::workflow {

// Names of a manifest in the order they are looked for.
inline constexpr std::string_view kManifestNames[] = {"action.yml", "action.yaml"};
inline constexpr int kMaxCompositeDepth = 10;

struct ActionInput {
  std::string name;  // as written; compared ignoring case
  yaml::Position position;
  Token default_value;  // null: ""
  bool required = false;
  std::string deprecation;  // "" = not deprecated
};

struct ActionOutput {
  std::string name;
  yaml::Position position;
  Token value;  // of composite actions
};

enum class ActionKind { node, composite, docker };

struct Action {
  std::string file;
  std::string name;
  std::vector<ActionInput> inputs;
  std::vector<ActionOutput> outputs;
  ActionKind kind = ActionKind::node;
  Located<std::string> runtime;  // `using`: node20, composite, docker
  // node: files below the action's folder; docker: entry points. "" = none.
  std::string main, pre, post;
  Token pre_if, post_if;    // expressions; always() where the file gives none
  std::vector<Step> steps;  // composite
  std::string image;        // docker
  Token args, env;          // docker

  const ActionInput* find_input(std::string_view name) const;  // ignoring case
};

struct ParsedAction {
  std::shared_ptr<const Action> action;  // null when there are errors
  std::vector<yaml::Diagnostic> diagnostics;
};

enum class ManifestRules {
  running,     // what GitHub's runner refuses
  publishing,  // also what the documentation asks for: a name, a description, no unknown keys
};

// Never throws on bad input, never stops at the first error; sorted by position.
ParsedAction parse_action(std::string_view file, std::string_view text,
                          ManifestRules rules = ManifestRules::running);

}  // namespace gantry::core::workflow
