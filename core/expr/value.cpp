// SPDX-License-Identifier: MIT
#include "core/expr/value.hpp"

#include "core/expr/number.hpp"
#include "core/expr/unicode.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

namespace gantry::core::expr {
namespace {

constexpr std::size_t kIndexFrom = 12;  // below this a scan is faster than hashing

bool same_key(Keys keys, std::string_view a, std::string_view b) {
  return keys == Keys::case_sensitive ? a == b : equal_ignoring_case(a, b);
}

std::string index_key(Keys keys, std::string_view key) {
  return keys == Keys::case_sensitive ? std::string(key) : upper_case(key);
}

}  // namespace

struct Object::Index {
  std::unordered_map<std::string, std::size_t> places;
};

std::size_t Object::place_of(std::string_view key) const {
  if (index_) {
    const auto found = index_->places.find(index_key(keys_, key));
    return found == index_->places.end() ? entries_.size() : found->second;
  }
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const auto& entry) {
    return same_key(keys_, entry.first, key);
  });
  return static_cast<std::size_t>(found - entries_.begin());
}

void Object::build_index() {
  index_ = std::make_shared<Index>();
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    index_->places.emplace(index_key(keys_, entries_[i].first), i);
  }
}

void Object::set(std::string key, Value value) {
  const std::size_t place = place_of(key);
  if (place < entries_.size()) {
    entries_[place].second = std::move(value);
    return;
  }
  if (index_) {
    if (index_.use_count() > 1) index_ = std::make_shared<Index>(*index_);
    index_->places.emplace(index_key(keys_, key), place);
  }
  entries_.emplace_back(std::move(key), std::move(value));
  if (!index_ && entries_.size() == kIndexFrom) build_index();
}

const Value* Object::find(std::string_view key) const {
  const std::size_t place = place_of(key);
  return place < entries_.size() ? &entries_[place].second : nullptr;
}

bool Object::erase(std::string_view key) {
  const std::size_t place = place_of(key);
  if (place == entries_.size()) return false;
  entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(place));
  if (index_) build_index();
  return true;
}

Value::Value(Array value) : data_(std::make_shared<const Array>(std::move(value))) {}
Value::Value(Object value) : data_(std::make_shared<const Object>(std::move(value))) {}

bool Value::same_instance(const Value& other) const {
  if (kind() != other.kind()) return false;
  if (kind() == Kind::array) return &array() == &other.array();
  return kind() == Kind::object && &object() == &other.object();
}

const Value& Value::operator[](std::string_view key) const {
  static const Value kNull;
  if (kind() != Kind::object) return kNull;
  const Value* found = object().find(key);
  return found != nullptr ? *found : kNull;
}

bool Value::truthy() const {
  switch (kind()) {
    case Kind::null:
      return false;
    case Kind::boolean:
      return boolean();
    case Kind::number:
      return number() != 0 && !std::isnan(number());
    case Kind::string:
      return !string().empty();
    case Kind::array:
    case Kind::object:
      return true;
  }
  return false;
}

double Value::to_number() const {
  switch (kind()) {
    case Kind::null:
      return 0;
    case Kind::boolean:
      return boolean() ? 1 : 0;
    case Kind::number:
      return number();
    case Kind::string:
      return parse_number(string());
    case Kind::array:
    case Kind::object:
      break;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

std::string Value::to_string() const {
  switch (kind()) {
    case Kind::null:
      return "";
    case Kind::boolean:
      return boolean() ? "true" : "false";
    case Kind::number:
      return format_number(number());
    case Kind::string:
      return string();
    case Kind::array:
      return "Array";
    case Kind::object:
      return "Object";
  }
  return "";
}

bool loosely_equal(const Value& a, const Value& b) {
  if (a.kind() == Kind::string && b.kind() == Kind::string) {
    return equal_ignoring_case(a.string(), b.string());
  }
  if (a.kind() >= Kind::array || b.kind() >= Kind::array) return a.same_instance(b);
  return a.to_number() == b.to_number();
}

bool deep_equal(const Value& a, const Value& b) {
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::null:
      return true;
    case Kind::boolean:
      return a.boolean() == b.boolean();
    case Kind::number:
      return a.number() == b.number();
    case Kind::string:
      return a.string() == b.string();
    case Kind::array:
      return std::equal(a.array().begin(), a.array().end(), b.array().begin(), b.array().end(),
                        deep_equal);
    case Kind::object:
      break;
  }
  if (a.object().size() != b.object().size()) return false;
  for (const auto& [key, value] : a.object().entries()) {
    const Value* other = b.object().find(key);
    if (other == nullptr || !deep_equal(value, *other)) return false;
  }
  return true;
}

}  // namespace gantry::core::expr
