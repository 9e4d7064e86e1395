// SPDX-License-Identifier: MIT
// One expression: is its condition a constant, may its text be a stranger's, and the walk to every
// reference and comparison in it.
#include "core/base/text.hpp"
#include "core/expr/evaluator.hpp"
#include "core/workflow/lint_internal.hpp"

#include <algorithm>

namespace gantry::core::workflow {
namespace {

using expr::Node;
using expr::NodeKind;

// What outsiders write: GitHub's security guide lists these.
constexpr std::string_view kUntrusted[] = {
    "github.head_ref",
    "github.event.comment.body",
    "github.event.commits.*.author.email",
    "github.event.commits.*.author.name",
    "github.event.commits.*.message",
    "github.event.discussion.body",
    "github.event.discussion.title",
    "github.event.head_commit.author.email",
    "github.event.head_commit.author.name",
    "github.event.head_commit.message",
    "github.event.issue.body",
    "github.event.issue.title",
    "github.event.pages.*.page_name",
    "github.event.pull_request.body",
    "github.event.pull_request.head.label",
    "github.event.pull_request.head.ref",
    "github.event.pull_request.head.repo.default_branch",
    "github.event.pull_request.title",
    "github.event.review.body",
    "github.event.review_comment.body",
    "github.event.workflow_run.display_title",
    "github.event.workflow_run.head_branch",
    "github.event.workflow_run.head_commit.author.email",
    "github.event.workflow_run.head_commit.author.name",
    "github.event.workflow_run.head_commit.message",
    "github.event.workflow_run.pull_requests.*.head.ref",
};

enum class Match { exact, whole_object };

bool is_untrusted(const std::vector<std::string>& path, Match match) {
  for (const std::string_view one : kUntrusted) {
    const auto parts = split(one, '.');
    if (match == Match::exact ? parts.size() != path.size() : parts.size() <= path.size()) continue;
    const bool same = std::equal(path.begin(), path.end(), parts.begin(), [](auto& a, auto& b) {
      return b == "*" || a == "*" || equals_ignoring_case(a, b);
    });
    if (same && path.size() > 1) return true;
  }
  return false;
}

bool passes_text_on(const Node& call) {
  switch (call.function) {
    case expr::Function::format:
    case expr::Function::join:
    case expr::Function::to_json:
    case expr::Function::from_json:
    case expr::Function::select:
      return true;
    case expr::Function::contains:
    case expr::Function::starts_with:
    case expr::Function::ends_with:
    case expr::Function::external:
      break;
  }
  return false;
}

std::optional<std::string> find_in_children(const Node& node) {
  for (const Node& child : node.children) {
    if (auto found = find_untrusted(child)) return found;
  }
  return std::nullopt;
}

bool is_status_call(const Node& node) {
  return node.kind == NodeKind::call && equals_ignoring_case(node.name, "success") &&
         node.children.empty();
}

// The condition as its author wrote it, without the success() that is put before it.
const Node& own_condition(const Node& root) {
  if (root.kind != NodeKind::conjunction || root.children.size() != 2) return root;
  return is_status_call(root.children[0]) ? root.children[1] : root;
}

bool depends_on_nothing(const Node& node) {
  if (node.kind == NodeKind::named_value) return false;
  if (node.kind == NodeKind::call && node.function == expr::Function::external) return false;
  return std::all_of(node.children.begin(), node.children.end(), depends_on_nothing);
}

// `format('{0} == ''b''', …)`: what mixed text becomes. Text around the values is never empty.
bool is_text_around_values(const Node& node) {
  return node.kind == NodeKind::call && node.function == expr::Function::format &&
         !node.children.empty() && node.children[0].kind == NodeKind::literal &&
         node.children[0].value.to_string() != "{0}";
}

void lint_condition(LintRun& run, const Token& token, const Node& root) {
  const Node& node = own_condition(root);
  if (is_text_around_values(node)) {
    return run.warn(token.position, "The condition is always true: it is text with values in it",
                    "always-true", "put the whole condition into one ${{ }}, or leave ${{ }} out");
  }
  const bool is_plain = node.kind == NodeKind::literal && node.value.kind() == expr::Kind::boolean;
  if (is_plain || !depends_on_nothing(node)) return;
  const expr::Environment nothing{.contexts = expr::Object()};
  const auto value = expr::evaluate(expr::Expression(std::string(token.text), node), nothing);
  if (!value) return;
  run.warn(token.position,
           std::string("The condition is always ") + (value->truthy() ? "true" : "false") +
               ": it depends on nothing",
           value->truthy() ? "always-true" : "always-false");
}

void lint_script(LintRun& run, const Token& token, const Node& root) {
  const auto text = find_untrusted(root);
  if (!text) return;
  run.warn(run.find(token.position, *text),
           "'" + *text + "' is text that strangers choose, and becomes part of the script",
           "injection", "give it to the step as an environment variable and use that");
}

void walk(LintRun& run, const LintScope& scope, const Token& token, const Node& node) {
  if (node.kind == NodeKind::index || node.kind == NodeKind::named_value) {
    lint_reference(run, scope, token.position, node);
    // Computed parts of the chain are expressions of their own.
    for (const Node* at = &node; at->kind == NodeKind::index; at = &at->children[0]) {
      const Node& by = at->children[1];
      if (by.kind != NodeKind::literal && by.kind != NodeKind::wildcard)
        walk(run, scope, token, by);
      const Node& what = at->children[0];
      if (what.kind != NodeKind::index && what.kind != NodeKind::named_value) {
        walk(run, scope, token, what);
      }
    }
    return;
  }
  lint_comparison(run, scope, token.position, node);
  for (const Node& child : node.children)
    walk(run, scope, token, child);
}

}  // namespace

std::vector<std::string> constant_path(const Node& node) {
  if (node.kind == NodeKind::named_value) return {node.name};
  if (node.kind != NodeKind::index) return {};
  std::vector<std::string> path = constant_path(node.children[0]);
  if (path.empty() || !is_constant_path(node.children[0])) return path;
  const Node& by = node.children[1];
  if (by.kind == NodeKind::wildcard) {
    path.emplace_back("*");
  } else if (by.kind == NodeKind::literal) {
    path.push_back(by.value.kind() == expr::Kind::string ? by.value.string() : "*");
  }
  return path;
}

bool is_constant_path(const Node& node) {
  if (node.kind == NodeKind::named_value) return true;
  if (node.kind != NodeKind::index) return false;
  const NodeKind by = node.children[1].kind;
  return (by == NodeKind::literal || by == NodeKind::wildcard) &&
         is_constant_path(node.children[0]);
}

std::optional<std::string> find_untrusted(const Node& node) {
  switch (node.kind) {
    case NodeKind::index:
      if (is_constant_path(node) && is_untrusted(constant_path(node), Match::exact)) {
        return expr::to_text(node);
      }
      return std::nullopt;
    case NodeKind::call:
      if (!passes_text_on(node)) return std::nullopt;
      if (node.function == expr::Function::to_json && is_constant_path(node.children[0]) &&
          is_untrusted(constant_path(node.children[0]), Match::whole_object)) {
        return expr::to_text(node.children[0]);
      }
      return find_in_children(node);
    case NodeKind::conjunction:
    case NodeKind::disjunction:
      return find_in_children(node);
    case NodeKind::literal:
    case NodeKind::named_value:
    case NodeKind::wildcard:
    case NodeKind::negation:
    case NodeKind::equal:
    case NodeKind::not_equal:
    case NodeKind::less:
    case NodeKind::less_or_equal:
    case NodeKind::greater:
    case NodeKind::greater_or_equal:
      break;
  }
  return std::nullopt;
}

void lint_token(LintRun& run, const LintScope& scope, const Token& token, LintUse use) {
  for (const Token& item : token.items)
    lint_token(run, scope, item, use);
  for (const auto& [key, value] : token.entries) {
    lint_token(run, scope, key, use);
    lint_token(run, scope, value, use);
  }
  if (!token.is_expression() || !token.expression || token.expression->root() == nullptr) return;
  const Node& root = *token.expression->root();
  if (use == LintUse::condition) lint_condition(run, token, root);
  if (use == LintUse::script) lint_script(run, token, root);
  walk(run, scope, token, root);
}

}  // namespace gantry::core::workflow
