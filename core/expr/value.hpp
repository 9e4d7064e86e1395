// SPDX-License-Identifier: MIT
// The data of the workflow language: null, boolean, number, string, array, object. Also used as the
// plain JSON tree of core (event payloads, contexts). Values are immutable and cheap to copy;
// arrays and objects are shared and compare by identity, as in GitHub's expressions.
// Source of the rules: docs.github.com "Evaluate expressions in workflows and actions".
#pragma once

#include "core/base/result.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace gantry::core::expr {

class Value;
enum class Kind { null, boolean, number, string, array, object };
enum class Keys { ignore_case, case_sensitive };  // `env` is the one case-sensitive context

using Array = std::vector<Value>;

// Insertion order is kept; of two equal keys the first spelling and the last value stay.
class Object {
 public:
  explicit Object(Keys keys = Keys::ignore_case);
  void set(std::string key, Value value);
  const Value* find(std::string_view key) const;  // nullptr when absent; O(1)
  bool erase(std::string_view key);
  const std::vector<std::pair<std::string, Value>>& entries() const { return entries_; }
  std::size_t size() const;
  Keys keys() const { return keys_; }

 private:
  struct Index;
  std::size_t place_of(std::string_view key) const;  // size() when absent
  void build_index();
  Keys keys_;
  std::vector<std::pair<std::string, Value>> entries_;
  std::shared_ptr<Index> index_;  // built for larger objects; shared by copies until one changes
};

class Value {
 public:
  Value() = default;  // null
  Value(std::nullptr_t) {}
  Value(bool value) : data_(value) {}
  Value(double value) : data_(value) {}
  Value(int value) : data_(static_cast<double>(value)) {}
  Value(std::int64_t value) : data_(static_cast<double>(value)) {}
  Value(std::string value) : data_(std::make_shared<const std::string>(std::move(value))) {}
  Value(std::string_view value) : Value(std::string(value)) {}
  Value(const char* value) : Value(std::string(value)) {}
  Value(Array value);
  Value(Object value);

  Kind kind() const { return static_cast<Kind>(data_.index()); }
  bool is_null() const { return kind() == Kind::null; }
  // Each requires the matching kind.
  bool boolean() const { return std::get<bool>(data_); }
  double number() const { return std::get<double>(data_); }
  const std::string& string() const { return *std::get<2 + 1>(data_); }
  const Array& array() const { return *std::get<std::shared_ptr<const Array>>(data_); }
  const Object& object() const { return *std::get<std::shared_ptr<const Object>>(data_); }
  bool same_instance(const Value& other) const;  // arrays and objects

  // Member of an object, item of nothing else: null when absent or not an object. Chains.
  const Value& operator[](std::string_view key) const;

  // Coercions of the language.
  bool truthy() const;
  double to_number() const;
  std::string to_string() const;  // null '', number as %.15G, 'Array', 'Object'

 private:
  std::variant<std::monostate, bool, double, std::shared_ptr<const std::string>,
               std::shared_ptr<const Array>, std::shared_ptr<const Object>>
      data_;
};

inline Object::Object(Keys keys) : keys_(keys) {}
inline std::size_t Object::size() const {
  return entries_.size();
}

bool loosely_equal(const Value& a, const Value& b);
// Deep equality of plain data, keys by each object's rule; for tests and change detection.
bool deep_equal(const Value& a, const Value& b);

// Strict JSON to a Value. Keys ignore case unless told otherwise. Limits: depth 100.
Result<Value> parse_json(std::string_view text, Keys keys = Keys::ignore_case);
enum class JsonStyle { compact, indented };  // indented: two spaces, as toJSON()
std::string to_json(const Value& value, JsonStyle style = JsonStyle::compact);

}  // namespace gantry::core::expr
