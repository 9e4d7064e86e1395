// SPDX-License-Identifier: MIT
// One evaluation on its way through the tree. Only for evaluator.cpp and functions.cpp.
#pragma once

#include "core/expr/evaluator.hpp"

#include <array>

namespace gantry::core::expr {

struct Outcome {
  Value value;
  bool filtered = false;   // the array of a `.*`: the next index maps over its items
  bool from_data = false;  // taken out of a context or of fromJSON(), not computed
};

// Memory in use, per depth of the tree: what a finished primitive was computed from is free again.
class Memory {
 public:
  explicit Memory(std::size_t limit_bytes) : limit_(limit_bytes) {}
  enum class Below { keep, release };
  bool add(std::size_t level, std::size_t bytes, Below below);  // false: over the limit
  std::size_t limit_bytes() const { return limit_; }

 private:
  std::size_t limit_;
  std::size_t total_ = 0;
  std::vector<std::size_t> levels_;
};

std::size_t memory_of_text(std::string_view text);
inline constexpr std::size_t kObjectBytes = 24;
inline constexpr std::size_t kReferenceBytes = 8;

class Evaluation {
 public:
  Evaluation(const Environment& environment, const Node& root)
      : environment_(environment), root_(root), memory_(environment.memory_limit_bytes) {}

  Result<Outcome> evaluate(const Node& node, std::size_t level);
  const Environment& environment() const { return environment_; }
  std::size_t limit_bytes() const { return memory_.limit_bytes(); }

 private:
  struct Sized {
    Outcome outcome;
    std::size_t bytes = 0;  // 0: by its kind
  };
  Result<Sized> compute(const Node& node, std::size_t level);
  Result<Sized> compute_index(const Node& node, std::size_t level);
  Result<Outcome> compute_chain(const Node& node, std::size_t level);
  Result<Outcome> compute_comparison(const Node& node, std::size_t level);

  const Environment& environment_;
  const Node& root_;
  Memory memory_;
};

// "The maximum allowed memory size was exceeded …"
Error memory_error(const Node& node);

// Calls a function of the language or of the environment; arguments are evaluated as needed.
Result<Outcome> call_function(Evaluation& evaluation, const Node& call, std::size_t level);

}  // namespace gantry::core::expr
