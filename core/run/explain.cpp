// SPDX-License-Identifier: MIT
#include "core/run/explain.hpp"

#include "core/base/text.hpp"

#include <unordered_map>

namespace gantry::core::run {
namespace {

constexpr std::size_t kMaxShownValue = 200;

using Values = std::unordered_map<const expr::Node*, std::string>;

ConditionNode to_tree(const expr::Node& node, const Values& values) {
  ConditionNode tree;
  tree.text = expr::to_text(node);
  if (const auto found = values.find(&node); found != values.end()) tree.value = found->second;
  // A reference is shown with its value; what it is made of says no more.
  const bool is_leaf = node.kind == expr::NodeKind::index;
  if (is_leaf) return tree;
  for (const expr::Node& child : node.children) {
    if (child.kind != expr::NodeKind::literal) tree.children.push_back(to_tree(child, values));
  }
  return tree;
}

}  // namespace

Explanation explain_condition(const workflow::Job& job, const expr::Object& contexts,
                              const Ancestry& status) {
  Explanation explanation;
  explanation.condition = condition_text(job);
  Values values;
  const auto condition =
      evaluate_condition(job, contexts, status, [&](const auto& node, const auto& value) {
        values[&node] = cut_utf8(expr::to_json(value), kMaxShownValue);
      });
  if (condition) {
    explanation.holds = condition->holds;
    explanation.because = condition->because;
  } else {
    explanation.problem = yaml::sentence(condition.error());
  }
  if (job.condition.expression && job.condition.expression->root() != nullptr) {
    explanation.tree = to_tree(*job.condition.expression->root(), values);
  } else {
    explanation.tree.text = explanation.condition;
    if (explanation.holds) explanation.tree.value = *explanation.holds ? "true" : "false";
  }
  return explanation;
}

}  // namespace gantry::core::run
