// SPDX-License-Identifier: MIT
#include "proto/json_fields.hpp"

#include <cmath>

namespace gantry::proto {

using core::expr::Array;
using core::expr::Kind;
using core::expr::Object;
using core::expr::Value;

JsonFields::JsonFields(const Value& object, std::string_view what) : object_(object), what_(what) {
  if (object.kind() != Kind::object) {
    error_ = core::Error{core::Errc::protocol,
                         "reading the " + std::string(what) + ": it is not a JSON object"};
  }
}

void JsonFields::wrong(std::string_view key, std::string_view expected) {
  if (error_) return;
  error_ = core::Error{core::Errc::protocol, "reading '" + std::string(key) + "' of the " +
                                                 std::string(what_) + ": expected " +
                                                 std::string(expected)};
}

std::string JsonFields::text(std::string_view key, std::string_view fallback) {
  const Value& member = object_[key];
  if (member.kind() == Kind::string) return member.string();
  if (!member.is_null()) wrong(key, "a string");
  return std::string(fallback);
}

std::int64_t JsonFields::integer(std::string_view key, std::int64_t fallback) {
  constexpr double kLargestExact = 9007199254740992.0;
  const Value& member = object_[key];
  if (member.is_null()) return fallback;
  if (member.kind() != Kind::number || std::trunc(member.number()) != member.number() ||
      std::abs(member.number()) > kLargestExact) {
    wrong(key, "a whole number");
    return fallback;
  }
  return static_cast<std::int64_t>(member.number());
}

std::uint64_t JsonFields::size(std::string_view key) {
  const std::int64_t number = integer(key);
  if (number < 0) wrong(key, "a number that is not negative");
  return number < 0 ? 0 : static_cast<std::uint64_t>(number);
}

std::vector<std::string> JsonFields::texts(std::string_view key) {
  std::vector<std::string> texts;
  const Value& member = object_[key];
  if (member.is_null()) return texts;
  if (member.kind() != Kind::array) {
    wrong(key, "a list of strings");
    return texts;
  }
  for (const Value& item : member.array()) {
    if (item.kind() == Kind::string) {
      texts.push_back(item.string());
    } else {
      wrong(key, "a list of strings");
    }
  }
  return texts;
}

std::vector<std::pair<std::string, std::string>> JsonFields::named_texts(std::string_view key) {
  std::vector<std::pair<std::string, std::string>> named;
  const Value& member = object_[key];
  if (member.is_null()) return named;
  if (member.kind() != Kind::object) {
    wrong(key, "an object of strings");
    return named;
  }
  for (const auto& [name, item] : member.object().entries()) {
    if (item.kind() == Kind::string) {
      named.emplace_back(name, item.string());
    } else {
      wrong(key, "an object of strings");
    }
  }
  return named;
}

std::optional<core::Timestamp> JsonFields::time(std::string_view key) {
  if (object_[key].is_null()) return std::nullopt;
  return core::Timestamp(std::chrono::milliseconds(integer(key)));
}

Value to_value(const std::vector<std::string>& texts) {
  return Value(Array(texts.begin(), texts.end()));
}

Value to_value(const std::vector<std::pair<std::string, std::string>>& named) {
  Object object(core::expr::Keys::case_sensitive);
  for (const auto& [name, text] : named)
    object.set(name, text);
  return Value(std::move(object));
}

Value to_value(core::Timestamp time) {
  return Value(std::int64_t{time.time_since_epoch().count()});
}

core::Result<> check_protocol(JsonFields& fields, std::string_view what, int ours) {
  const std::int64_t theirs = fields.integer("protocol");
  if (fields.error()) return core::fail(*fields.error());
  if (theirs == ours) return {};
  return core::fail(core::Errc::protocol, "reading the " + std::string(what) +
                                              ": it speaks version " + std::to_string(theirs) +
                                              " of the protocol, this program version " +
                                              std::to_string(ours) +
                                              "; install gantryd and gantry-runner of one release");
}

}  // namespace gantry::proto
