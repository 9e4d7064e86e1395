// SPDX-License-Identifier: MIT
#include "core/workflow/matrix.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <cmath>

namespace gantry::core::workflow {
namespace {

using expr::Array;
using expr::Kind;
using expr::Object;
using expr::Value;

// Combinations looked at before exclude; more cannot end within kMaxLegs in any sane matrix.
constexpr std::size_t kMaxProduct = 65536;

// GitHub compares leaf by leaf with `matrix.path == leaf`: kinds coerce, case does not count, and
// a filter that is a shorter sequence or a smaller mapping matches what holds it.
bool matches(const Value& value, const Value& filter) {
  switch (filter.kind()) {
    case Kind::object:
      for (const auto& [key, item] : filter.object().entries()) {
        if (!matches(value[key], item)) return false;
      }
      return true;
    case Kind::array:
      for (std::size_t i = 0; i < filter.array().size(); ++i) {
        const bool has = value.kind() == Kind::array && i < value.array().size();
        if (!matches(has ? value.array()[i] : Value(), filter.array()[i])) return false;
      }
      return true;
    case Kind::null:
    case Kind::boolean:
    case Kind::number:
    case Kind::string:
      return loosely_equal(value, filter);
  }
  return false;
}

void collect_names(const Value& value, std::vector<std::string>& names) {
  if (value.kind() == Kind::object) {
    for (const auto& entry : value.object().entries())
      collect_names(entry.second, names);
  } else if (value.kind() == Kind::array) {
    for (const Value& item : value.array())
      collect_names(item, names);
  } else if (std::string text = value.to_string(); !text.empty()) {
    names.push_back(std::move(text));
  }
}

MatrixLeg make_leg(Object matrix, const Object& extras) {
  MatrixLeg leg;
  for (const auto& entry : matrix.entries())
    collect_names(entry.second, leg.names);
  for (const auto& [key, value] : extras.entries())
    matrix.set(key, value);
  leg.matrix = std::move(matrix);
  return leg;
}

class MatrixBuilder {
 public:
  explicit MatrixBuilder(Strategy& strategy) : strategy_(strategy) {}

  void run(const Object& matrix) {
    const Value *include = nullptr, *exclude = nullptr;
    for (const auto& [key, value] : matrix.entries()) {
      if (key == "include") {
        include = &value;
      } else if (key == "exclude") {
        exclude = &value;
      } else {
        add_vector(key, value);
      }
    }
    if (include != nullptr) read_include(*include);
    if (exclude != nullptr) read_exclude(*exclude);
    if (!strategy_.problems.empty()) return;
    if (vectors_.empty() && includes_.empty()) {
      return problem("Matrix must define at least one vector", {});
    }
    if (!build_product()) return too_many();
    for (const Include& item : includes_) {
      if (!item.matched) strategy_.legs.push_back(make_leg(item.whole, Object()));
    }
    if (strategy_.legs.size() > kMaxLegs) too_many();
  }

 private:
  struct Vector {
    std::string key;
    const Array* values;
  };
  struct Include {
    Object filter, extras, whole;
    bool matched = false;
  };

  void problem(std::string message, std::vector<std::string> path) {
    path.insert(path.begin(), "matrix");
    strategy_.problems.push_back({std::move(message), std::move(path)});
  }

  void too_many() {
    strategy_.legs.clear();
    problem("Strategy expands to more than 256 jobs, the limit of one matrix", {});
  }

  bool is_vector(std::string_view key) const {
    for (const Vector& vector : vectors_) {
      if (equals_ignoring_case(vector.key, key)) return true;
    }
    return false;
  }

  void add_vector(const std::string& key, const Value& value) {
    if (value.kind() != Kind::array) {
      return problem("Matrix vector '" + key + "' must be a sequence", {key});
    }
    if (value.array().empty()) {
      return problem("Matrix vector '" + key + "' does not contain any values", {key});
    }
    vectors_.push_back({key, &value.array()});
  }

  // The items of include or exclude that are mappings; anything else is a problem.
  std::vector<std::pair<std::size_t, const Object*>> mappings(const Value& list,
                                                              const std::string& key) {
    std::vector<std::pair<std::size_t, const Object*>> found;
    if (list.is_null()) return found;
    if (list.kind() != Kind::array) {
      problem("Matrix " + key + " must be a sequence of mappings", {key});
      return found;
    }
    for (std::size_t i = 0; i < list.array().size(); ++i) {
      const Value& item = list.array()[i];
      if (item.kind() == Kind::object) {
        found.emplace_back(i, &item.object());
      } else {
        problem("Matrix " + key + " item must be a mapping", {key, std::to_string(i)});
      }
    }
    return found;
  }

  void read_include(const Value& list) {
    for (const auto& [index, item] : mappings(list, "include")) {
      if (item->size() == 0) {
        problem("Matrix include mapping does not contain any values",
                {"include", std::to_string(index)});
        continue;
      }
      Include include;
      for (const auto& [key, value] : item->entries()) {
        (is_vector(key) ? include.filter : include.extras).set(key, value);
      }
      // As a leg of its own the vector keys come first.
      include.whole = include.filter;
      for (const auto& [key, value] : include.extras.entries())
        include.whole.set(key, value);
      includes_.push_back(std::move(include));
    }
  }

  void read_exclude(const Value& list) {
    for (const auto& [index, item] : mappings(list, "exclude")) {
      const std::string at = std::to_string(index);
      if (item->size() == 0) problem("Matrix exclude filter must not be empty", {"exclude", at});
      for (const auto& entry : item->entries()) {
        if (is_vector(entry.first)) continue;
        problem("Matrix exclude key '" + entry.first + "' does not match any key within the matrix",
                {"exclude", at, entry.first});
      }
      excludes_.emplace_back(*item);
    }
  }

  // Legs of the product, the first vector varying slowest; false when there are too many.
  bool build_product() {
    if (vectors_.empty()) return true;
    std::size_t total = 1;
    for (const Vector& vector : vectors_) {
      total *= vector.values->size();
      if (total > kMaxProduct) return false;
    }
    for (std::size_t index = 0; index < total; ++index) {
      Object combination;
      std::size_t block = total;
      for (const Vector& vector : vectors_) {
        block /= vector.values->size();
        combination.set(vector.key, (*vector.values)[(index / block) % vector.values->size()]);
      }
      const Value matrix(std::move(combination));
      if (is_excluded(matrix)) continue;
      strategy_.legs.push_back(make_leg(matrix.object(), extras_of(matrix)));
      if (strategy_.legs.size() > kMaxLegs) return false;
    }
    return true;
  }

  bool is_excluded(const Value& matrix) const {
    for (const Value& filter : excludes_) {
      if (matches(matrix, filter)) return true;
    }
    return false;
  }

  // Compared with the original combination only; a later item overrides an earlier one's extras.
  Object extras_of(const Value& matrix) {
    Object extras;
    for (Include& item : includes_) {
      if (!matches(matrix, Value(item.filter))) continue;
      item.matched = true;
      for (const auto& [key, value] : item.extras.entries())
        extras.set(key, value);
    }
    return extras;
  }

  Strategy& strategy_;
  std::vector<Vector> vectors_;
  std::vector<Include> includes_;
  std::vector<Value> excludes_;
};

void read_limits(const Value& value, Strategy& strategy) {
  const Value& fail_fast = value["fail-fast"];
  if (fail_fast.kind() == Kind::boolean) {
    strategy.fail_fast = fail_fast.boolean();
  } else if (!fail_fast.is_null()) {
    strategy.problems.push_back({"Expected a boolean for fail-fast", {"fail-fast"}});
  }
  const Value& parallel = value["max-parallel"];
  if (parallel.is_null()) return;
  if (parallel.kind() != Kind::number || std::isnan(parallel.number())) {
    strategy.problems.push_back({"Expected a number for max-parallel", {"max-parallel"}});
    return;
  }
  // Zero and less mean no limit, fractions are cut off.
  strategy.max_parallel = static_cast<int>(std::clamp(parallel.number(), 0.0, 1e9));
}

}  // namespace

Strategy expand_strategy(const Value& value) {
  Strategy strategy;
  if (value.kind() != Kind::null && value.kind() != Kind::object) {
    strategy.problems.push_back({"Expected a mapping for strategy", {}});
    return strategy;
  }
  read_limits(value, strategy);
  const Value& matrix = value["matrix"];
  if (matrix.kind() == Kind::object) {
    MatrixBuilder(strategy).run(matrix.object());
  } else if (!matrix.is_null()) {
    strategy.problems.push_back({"Expected a mapping for matrix", {"matrix"}});
  }
  // Everything excluded leaves one job whose matrix is null.
  if (strategy.legs.empty() && strategy.problems.empty()) strategy.legs.emplace_back();
  return strategy;
}

std::string name_suffix(const MatrixLeg& leg) {
  return leg.names.empty() ? "" : " (" + join(leg.names, ", ") + ")";
}

std::string shorten_job_name(std::string_view name) {
  std::size_t characters = 0, cut = name.size();
  for (std::size_t i = 0; i < name.size(); ++i) {
    if ((static_cast<unsigned char>(name[i]) & 0xC0) == 0x80) continue;
    if (characters == 97) cut = i;
    ++characters;
  }
  if (characters <= 100) return std::string(name);
  return std::string(name.substr(0, cut)) + "...";
}

}  // namespace gantry::core::workflow
