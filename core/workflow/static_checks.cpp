// SPDX-License-Identifier: MIT
// Checks of single keys that hold no expression.
#include "core/base/text.hpp"
#include "core/workflow/converter.hpp"
#include "core/workflow/matrix.hpp"
#include "core/workflow/template_evaluator.hpp"

#include <algorithm>
#include <charconv>

namespace gantry::core::workflow {
namespace {

constexpr std::size_t kMaxGroupLength = 400;

// Where the problem with what `path` leads to lies: a key of exclude itself, else the value.
yaml::Position position_of(const Token& strategy, const StrategyProblem& problem) {
  constexpr std::size_t kExcludeKey = 4;  // matrix, exclude, index, key
  const Token* at = &strategy;
  for (std::size_t i = 0; i < problem.path.size(); ++i) {
    const std::string& part = problem.path[i];
    const Token* next = nullptr;
    for (const auto& [key, value] : at->entries) {
      if (!equals_ignoring_case(key.text, part)) continue;
      if (i + 1 == kExcludeKey) return key.position;
      next = &value;
    }
    std::size_t index = 0;
    const auto [end, code] = std::from_chars(part.data(), part.data() + part.size(), index);
    if (next == nullptr && code == std::errc() && index < at->items.size()) {
      next = &at->items[index];
    }
    if (next == nullptr) break;
    at = next;
  }
  return at->position;
}

// Vectors alone, too few combinations to pass the limit: nothing to find by expanding them.
bool is_plain_product(const Token& matrix) {
  std::size_t product = 1;
  for (const auto& [key, value] : matrix.entries) {
    if (key.text == "include" || key.text == "exclude") return false;
    if (value.kind != TokenKind::sequence) return false;
    product *= std::min(value.items.size(), kMaxLegs + 1);
    if (product > kMaxLegs) return false;
  }
  return true;
}

// Also where parts are only known later.
void check_vectors(const Token& matrix, Diagnostics& diagnostics) {
  bool has_vector = false;
  for (const auto& [key, value] : matrix.entries) {
    if (key.is_string() && key.text == "exclude") continue;
    const bool is_include = key.is_string() && key.text == "include";
    const bool is_empty = value.kind == TokenKind::sequence && value.items.empty();
    has_vector = has_vector || !is_include || !is_empty;
    if (is_include || !is_empty || !key.is_string()) continue;
    add_error(diagnostics, value.position,
              "Matrix vector '" + key.text + "' does not contain any values", "matrix");
  }
  if (has_vector) return;
  add_error(diagnostics, matrix.position, "Matrix must define at least one vector", "matrix");
}

void check_group_name(const Token& token, Diagnostics& diagnostics) {
  if (!token.is_string()) return;
  const auto parts = split(token.text, '/');
  if (parts.size() == 1) return;
  const std::string message = "Invalid runs-on group name '" + token.text + "'.";
  if (parts.size() == 2 && parts[1].empty()) {
    return add_error(diagnostics, token.position, message, "runs-on");
  }
  constexpr std::string_view kPrefixes[] = {"org", "organization", "ent", "enterprise"};
  const bool known =
      std::find(std::begin(kPrefixes), std::end(kPrefixes), parts[0]) != std::end(kPrefixes);
  if (parts.size() == 2 && known) return;
  add_error(diagnostics, token.position,
            message +
                " Please use 'organization/' or 'enterprise/' prefix to target a single "
                "runner group.",
            "runs-on");
}

enum class ContainerKind { job, service };

void check_image(const Token& container, ContainerKind kind, Diagnostics& diagnostics) {
  constexpr std::string_view kDocker = "docker://";
  const Token* image = container.is_string() ? &container : container.find("image");
  const std::string_view text = image != nullptr ? std::string_view(image->text) : "";
  const bool has_prefix = text.starts_with(kDocker);
  if (text.size() > (has_prefix ? kDocker.size() : 0)) return;
  // An empty image means no container, but only for a job.
  if (!has_prefix && kind == ContainerKind::job) return;
  add_error(diagnostics, container.position, "Container image cannot be empty", "container");
}

bool is_image_version(std::string_view version) {
  const auto parts = split(version, '.');
  return parts.size() == 2 && parts[1] == "*" && !parts[0].empty() && parts[0].size() < 10 &&
         parts[0].find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

void add_error(Diagnostics& diagnostics, yaml::Position position, std::string message,
               std::string kind, std::string hint) {
  diagnostics.push_back(
      {position, yaml::Severity::error, std::move(message), std::move(hint), std::move(kind)});
}

void check_strategy(const Token& strategy, Diagnostics& diagnostics) {
  const Token* matrix = strategy.find("matrix");
  if (matrix == nullptr || matrix->kind != TokenKind::mapping) return;
  if (strategy.has_expression() || is_plain_product(*matrix)) {
    return check_vectors(*matrix, diagnostics);
  }
  const expr::Environment nothing{.contexts = expr::Object()};
  const auto value = evaluate(strategy, nothing);
  if (!value) return diagnostics.push_back(value.error());
  for (const StrategyProblem& problem : expand_strategy(*value).problems) {
    add_error(diagnostics, position_of(strategy, problem), problem.message, "matrix");
  }
}

void check_concurrency(const Token& concurrency, Diagnostics& diagnostics) {
  const Token* group = concurrency.find("group");
  const Token& name = group != nullptr ? *group : concurrency;
  if (!name.is_string() || name.text.size() <= kMaxGroupLength) return;
  add_error(diagnostics, concurrency.position,
            "Concurrency group name must be less than 400 characters", "concurrency");
}

void check_runs_on(const Token& runs_on, Diagnostics& diagnostics) {
  if (const Token* group = runs_on.find("group")) check_group_name(*group, diagnostics);
}

void check_container(const Token& container, Diagnostics& diagnostics) {
  if (container.is_null() || container.has_expression()) return;
  check_image(container, ContainerKind::job, diagnostics);
}

void check_services(const Token& services, Diagnostics& diagnostics) {
  if (services.has_expression()) return;
  for (const auto& entry : services.entries)
    check_image(entry.value, ContainerKind::service, diagnostics);
}

void check_snapshot(const Token& snapshot, Diagnostics& diagnostics) {
  const Token* condition = snapshot.find("if");
  if (condition != nullptr && condition->is_string()) {
    const auto parsed = expr::parse(condition->text, expr::scope_of(expr::Place::job));
    if (!parsed) {
      add_error(diagnostics, condition->position, parsed.error().message, "expression");
    }
  }
  const Token* version = snapshot.find("version");
  if (version == nullptr || !version->is_string() || is_image_version(version->text)) return;
  add_error(diagnostics, snapshot.position,
            "Expected format '{major-version}.*' Actual '" + version->text + "'", "snapshot");
}

}  // namespace gantry::core::workflow
