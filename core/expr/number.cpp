// SPDX-License-Identifier: MIT
#include "core/expr/number.hpp"

#include "core/base/text.hpp"
#include "core/expr/unicode.hpp"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <optional>

namespace gantry::core::expr {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// [+-]? digits [. digits] [e [+-] digits], with a digit before or after the point.
bool is_decimal(std::string_view text) {
  std::size_t i = 0;
  const auto digits = [&] {
    const std::size_t start = i;
    while (i < text.size() && is_digit(text[i]))
      ++i;
    return i - start;
  };
  if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
  std::size_t mantissa = digits();
  if (i < text.size() && text[i] == '.') {
    ++i;
    mantissa += digits();
  }
  if (mantissa == 0) return false;
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (digits() == 0) return false;
  }
  return i == text.size();
}

double decimal(std::string_view text) {
  if (text.front() == '+') text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  // Out of range: strtod says whether it is infinite or zero. The C locale is never changed.
  if (error != std::errc()) return std::strtod(std::string(text).c_str(), nullptr);
  return value;
}

std::optional<double> radix_number(std::string_view text) {
  if (text.size() < 3 || text[0] != '0' || (text[1] != 'x' && text[1] != 'o')) return std::nullopt;
  std::uint32_t bits = 0;
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data() + 2, last, bits, text[1] == 'x' ? 16 : 8);
  if (error != std::errc() || end != last) return std::nullopt;
  return static_cast<double>(static_cast<std::int32_t>(bits));
}

double named_number(std::string_view text) {
  const bool negative = text.front() == '-';
  if (negative || text.front() == '+') text.remove_prefix(1);
  if (equals_ignoring_case(text, "infinity")) return negative ? -kInfinity : kInfinity;
  return kNaN;
}

}  // namespace

double parse_number(std::string_view text) {
  text = trim_white_space(text);
  if (text.empty()) return 0;
  if (is_decimal(text)) return decimal(text);
  if (const auto value = radix_number(text)) return *value;
  return named_number(text);
}

std::string format_number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  if (value == 0) return "0";
  // Whole numbers are nearly all there are, and printf is slow.
  constexpr double kFifteenDigits = 1e15;
  if (std::abs(value) < kFifteenDigits && value == std::trunc(value)) {
    return std::to_string(static_cast<std::int64_t>(value));
  }
  char buffer[32];
  const int size = std::snprintf(buffer, sizeof buffer, "%.15G", value);
  return std::string(buffer, static_cast<std::size_t>(size));
}

}  // namespace gantry::core::expr
