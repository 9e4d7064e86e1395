// SPDX-License-Identifier: MIT
#include "core/yaml/scalar.hpp"

#include <charconv>
#include <cstdint>
#include <limits>

namespace gantry::core::yaml {
namespace {

constexpr std::string_view kTagPrefix = "tag:yaml.org,2002:";

enum class Match { no, yes, out_of_range };

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  for (const std::string_view word : words) {
    if (text == word) return true;
  }
  return false;
}

bool match_null(const Node& node) {
  return is_one_of(node.text, {"", "null", "Null", "NULL", "~"});
}

bool match_boolean(Node& node) {
  node.boolean = is_one_of(node.text, {"true", "True", "TRUE"});
  return node.boolean || is_one_of(node.text, {"false", "False", "FALSE"});
}

double to_double(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  // from_chars leaves the value alone when it is too large or too small to hold.
  if (result.ec == std::errc::result_out_of_range) {
    const auto exponent = text.find_first_of("eE");
    const bool tiny = exponent != std::string_view::npos && text[exponent + 1] == '-';
    value = tiny ? 0 : std::numeric_limits<double>::infinity();
    if (text.starts_with('-')) value = -value;
  }
  return value;
}

std::size_t skip_digits(std::string_view text, std::size_t at) {
  while (at < text.size() && text[at] >= '0' && text[at] <= '9')
    ++at;
  return at;
}

std::size_t skip_sign(std::string_view text, std::size_t at) {
  return at < text.size() && (text[at] == '-' || text[at] == '+') ? at + 1 : at;
}

// 0x… and 0o… are signed 32-bit numbers: 0xFFFFFFFF is -1.
Match match_based(Node& node, int base) {
  const std::string_view digits = std::string_view(node.text).substr(2);
  std::uint32_t value = 0;
  const auto [end, code] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (digits.empty() || end != digits.data() + digits.size()) return Match::no;
  if (code == std::errc::result_out_of_range) return Match::out_of_range;
  if (code != std::errc()) return Match::no;
  node.number = static_cast<std::int32_t>(value);
  return Match::yes;
}

Match match_integer(Node& node) {
  const std::string_view text = node.text;
  if (text.starts_with("0x")) return match_based(node, 16);
  if (text.starts_with("0o")) return match_based(node, 8);
  const std::size_t start = skip_sign(text, 0);
  const std::size_t end = skip_digits(text, start);
  if (end == start || end != text.size()) return Match::no;
  node.number = to_double(text);
  return Match::yes;
}

bool match_special_float(Node& node) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::string_view text = node.text;
  if (is_one_of(text, {".nan", ".NaN", ".NAN"})) {
    node.number = std::numeric_limits<double>::quiet_NaN();
    return true;
  }
  if (!is_one_of(text.substr(skip_sign(text, 0)), {".inf", ".Inf", ".INF"})) return false;
  node.number = text.starts_with('-') ? -kInfinity : kInfinity;
  return true;
}

bool match_float(Node& node) {
  if (match_special_float(node)) return true;
  const std::string_view text = node.text;
  const std::size_t start = skip_sign(text, 0);
  std::size_t at = skip_digits(text, start);
  std::size_t digits = at - start;
  if (at < text.size() && text[at] == '.') {
    const std::size_t fraction = at + 1;
    at = skip_digits(text, fraction);
    digits += at - fraction;
  }
  if (digits == 0) return false;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    const std::size_t exponent = skip_sign(text, at + 1);
    at = skip_digits(text, exponent);
    if (at == exponent) return false;
  }
  if (at != text.size()) return false;
  node.number = to_double(text);
  return true;
}

std::string invalid_value(const Node& node, std::string_view tag) {
  return "The value '" + node.text + "' on line " + std::to_string(node.position.line) +
         " and column " + std::to_string(node.position.column) + " is invalid for the type '" +
         std::string(tag) + "'";
}

std::string resolve_untagged(Node& node) {
  if (match_null(node)) {
    node.kind = NodeKind::null;
  } else if (match_boolean(node)) {
    node.kind = NodeKind::boolean;
  } else if (const Match match = match_integer(node); match != Match::no) {
    node.kind = NodeKind::number;
    if (match == Match::out_of_range) return invalid_value(node, std::string(kTagPrefix) + "int");
  } else if (match_float(node)) {
    node.kind = NodeKind::number;
  }
  return "";
}

}  // namespace

std::string resolve_scalar(Node& node) {
  node.kind = NodeKind::string;
  const std::string& tag = node.tag;
  if (tag.empty()) return node.style == ScalarStyle::plain ? resolve_untagged(node) : "";
  const bool known = tag.starts_with(kTagPrefix);
  const std::string_view type = known ? std::string_view(tag).substr(kTagPrefix.size()) : "";
  if (type == "str") return "";
  if (!is_one_of(type, {"bool", "float", "int", "null"})) return "Unexpected tag '" + tag + "'";
  if (node.style != ScalarStyle::plain) {
    return "The scalar style on line " + std::to_string(node.position.line) + " and column " +
           std::to_string(node.position.column) + " is not valid with the tag '" + tag + "'";
  }
  bool matches = false;
  if (type == "bool") {
    node.kind = NodeKind::boolean;
    matches = match_boolean(node);
  } else if (type == "null") {
    node.kind = NodeKind::null;
    matches = match_null(node);
  } else {
    node.kind = NodeKind::number;
    matches = type == "int" ? match_integer(node) == Match::yes : match_float(node);
  }
  return matches ? "" : invalid_value(node, tag);
}

}  // namespace gantry::core::yaml
