// SPDX-License-Identifier: MIT
#include "core/expr/evaluator.hpp"

#include "core/expr/evaluation.hpp"
#include "core/expr/unicode.hpp"

#include <cmath>
#include <limits>
#include <optional>

namespace gantry::core::expr {
namespace {

bool is_collection(const Value& value) {
  return value.kind() >= Kind::array;
}

bool less_than(const Value& a, const Value& b) {
  if (a.kind() == Kind::string && b.kind() == Kind::string) {
    return compare_ignoring_case(a.string(), b.string()) < 0;
  }
  if (is_collection(a) || is_collection(b)) return false;
  return a.to_number() < b.to_number();
}

// What stands between [ and ], or after the point.
class Subscript {
 public:
  Subscript(const Node& node, Value value)
      : wildcard_(node.kind == NodeKind::wildcard), value_(std::move(value)) {}

  bool is_wildcard() const { return wildcard_; }

  const Value* pick(const Value& collection) const {
    if (collection.kind() == Kind::object) {
      if (is_collection(value_)) return nullptr;
      if (value_.kind() == Kind::string) return collection.object().find(value_.string());
      return collection.object().find(value_.to_string());
    }
    const double place = std::floor(value_.to_number());
    if (!(place >= 0) || place > std::numeric_limits<std::int32_t>::max()) return nullptr;
    const Array& array = collection.array();
    return place < static_cast<double>(array.size()) ? &array[static_cast<std::size_t>(place)]
                                                     : nullptr;
  }

 private:
  bool wildcard_;
  Value value_;
};

void append_items(const Value& collection, Array& out) {
  if (collection.kind() == Kind::array) {
    out.insert(out.end(), collection.array().begin(), collection.array().end());
  } else {
    for (const auto& [key, value] : collection.object().entries())
      out.push_back(value);
  }
}

Array map_items(const Array& items, const Subscript& subscript) {
  Array out;
  for (const Value& item : items) {
    if (!is_collection(item)) continue;
    if (subscript.is_wildcard()) {
      append_items(item, out);
    } else if (const Value* picked = subscript.pick(item)) {
      out.push_back(*picked);
    }
  }
  return out;
}

std::size_t own_bytes(const Value& value) {
  return value.kind() == Kind::string ? memory_of_text(value.string()) : kObjectBytes;
}

}  // namespace

std::size_t memory_of_text(std::string_view text) {
  return 26 + 2 * utf16_length(text);
}

Error memory_error(const Node& node) {
  return Error{Errc::too_large,
               "The maximum allowed memory size was exceeded while evaluating the following "
               "expression: " +
                   to_text(node)};
}

bool Memory::add(std::size_t level, std::size_t bytes, Below below) {
  if (levels_.size() <= level) levels_.resize(level + 1);
  if (below == Below::release) {
    for (; levels_.size() > level + 1; levels_.pop_back())
      total_ -= levels_.back();
  }
  levels_[level] += bytes;
  total_ += bytes;
  return total_ <= limit_;
}

Result<Outcome> Evaluation::evaluate(const Node& node, std::size_t level) {
  TRY(Sized sized, compute(node, level));
  const Value& value = sized.outcome.value;
  const bool wrapped = sized.outcome.from_data && !value.is_null() && !is_collection(value);
  const bool settled = !wrapped && !is_collection(value);
  std::size_t bytes = sized.bytes != 0 ? sized.bytes : own_bytes(value);
  if (wrapped) bytes += kObjectBytes;  // the data and its plain value
  if (!memory_.add(level, bytes, settled ? Memory::Below::release : Memory::Below::keep)) {
    return fail(memory_error(root_));
  }
  if (environment_.observe) environment_.observe(node, value);
  return std::move(sized.outcome);
}

Result<Evaluation::Sized> Evaluation::compute(const Node& node, std::size_t level) {
  switch (node.kind) {
    case NodeKind::literal:
      return Sized{{node.value}};
    case NodeKind::wildcard:
      return Sized{{Value("*")}};
    case NodeKind::named_value: {
      const Value* found = environment_.contexts.find(node.name);
      return Sized{{found != nullptr ? *found : Value(), false, true}};
    }
    case NodeKind::index:
      return compute_index(node, level);
    case NodeKind::call: {
      TRY(Outcome outcome, call_function(*this, node, level));
      return Sized{std::move(outcome)};
    }
    case NodeKind::negation: {
      TRY(const Outcome operand, evaluate(node.children[0], level + 1));
      return Sized{{Value(!operand.value.truthy())}};
    }
    case NodeKind::conjunction:
    case NodeKind::disjunction: {
      TRY(Outcome outcome, compute_chain(node, level));
      return Sized{std::move(outcome)};
    }
    case NodeKind::equal:
    case NodeKind::not_equal:
    case NodeKind::less:
    case NodeKind::less_or_equal:
    case NodeKind::greater:
    case NodeKind::greater_or_equal:
      break;
  }
  TRY(Outcome outcome, compute_comparison(node, level));
  return Sized{std::move(outcome)};
}

Result<Evaluation::Sized> Evaluation::compute_index(const Node& node, std::size_t level) {
  const Node& by = node.children[1];
  TRY(const Outcome left, evaluate(node.children[0], level + 1));
  if (!is_collection(left.value)) {
    if (by.kind == NodeKind::wildcard) return Sized{{Value(Array()), true}};
    return Sized{{Value()}};
  }
  TRY(Outcome right, evaluate(by, level + 1));
  const Subscript subscript(by, std::move(right.value));
  if (left.filtered || subscript.is_wildcard()) {
    Array items;
    if (left.filtered) {
      items = map_items(left.value.array(), subscript);
    } else {
      append_items(left.value, items);
    }
    const std::size_t bytes = kObjectBytes + items.size() * kReferenceBytes;
    return Sized{{Value(std::move(items)), true}, bytes};
  }
  const Value* picked = subscript.pick(left.value);
  return Sized{{picked != nullptr ? *picked : Value(), false, true}};
}

// The first operand that decides, or the last.
Result<Outcome> Evaluation::compute_chain(const Node& node, std::size_t level) {
  Outcome outcome;
  for (const Node& child : node.children) {
    TRY(outcome, evaluate(child, level + 1));
    if (outcome.value.truthy() == (node.kind == NodeKind::disjunction)) break;
  }
  outcome.from_data = false;
  return outcome;
}

Result<Outcome> Evaluation::compute_comparison(const Node& node, std::size_t level) {
  TRY(const Outcome left, evaluate(node.children[0], level + 1));
  TRY(const Outcome right, evaluate(node.children[1], level + 1));
  const Value& a = left.value;
  const Value& b = right.value;
  bool holds = loosely_equal(a, b);
  if (node.kind == NodeKind::not_equal) {
    holds = !holds;
  } else if (node.kind == NodeKind::less || node.kind == NodeKind::less_or_equal) {
    holds = (holds && node.kind == NodeKind::less_or_equal) || less_than(a, b);
  } else if (node.kind == NodeKind::greater || node.kind == NodeKind::greater_or_equal) {
    holds = (holds && node.kind == NodeKind::greater_or_equal) || less_than(b, a);
  }
  return Outcome{Value(holds)};
}

Result<Value> evaluate(const Expression& expression, const Environment& environment) {
  if (expression.empty()) return Value();
  TRY(Outcome outcome, Evaluation(environment, *expression.root()).evaluate(*expression.root(), 0));
  return std::move(outcome.value);
}

}  // namespace gantry::core::expr
