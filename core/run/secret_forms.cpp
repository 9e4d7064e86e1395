// SPDX-License-Identifier: MIT
#include "core/run/secret_forms.hpp"

#include "core/base/text.hpp"
#include "core/expr/unicode.hpp"
#include "core/expr/value.hpp"

#include <algorithm>
#include <cstdint>

namespace gantry::core::run {
namespace {

constexpr std::size_t kShortest = 6;  // of a part that is hidden for itself

std::string base64(std::string_view bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::string_view group = bytes.substr(i, 3);
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      bits = (bits << 8U) | (k < group.size() ? static_cast<unsigned char>(group[k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      out += k <= group.size() ? kDigits[(bits >> (18U - 6U * k)) & 63U] : '=';
    }
  }
  return out;
}

// In the middle of a longer text a value starts at any of three offsets of base64's groups; the
// bytes that share a group with what stands before are given up.
std::string base64_from(std::string_view value, std::size_t skip) {
  return base64(value.size() > skip ? value.substr(skip) : value);
}

// Where more follows the value (`echo $SECRET | base64` adds a line end) its last digits are others
// and there is no padding: the digits that its own bytes decide, in both alphabets.
void add_open_base64(std::string_view value, std::size_t skip, std::vector<std::string>& forms) {
  if (value.size() <= skip) return;
  value.remove_prefix(skip);
  std::string digits = base64(value).substr(0, value.size() * 8 / 6);
  if (digits.size() < kShortest) return;
  forms.push_back(digits);
  std::replace(digits.begin(), digits.end(), '+', '-');
  std::replace(digits.begin(), digits.end(), '/', '_');
  forms.push_back(std::move(digits));
}

std::string json_escaped(std::string_view value) {
  const std::string quoted = expr::to_json(expr::Value(value));
  return quoted.substr(1, quoted.size() - 2);
}

std::string uri_escaped(std::string_view value) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      out += c;
    } else {
      ((out += '%') += kHex[byte >> 4U]) += kHex[byte & 15U];
    }
  }
  return out;
}

std::string xml_escaped(std::string_view value) {
  std::string out;
  for (const char c : value) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&apos;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

// PowerShell prints a value that holds & in two parts, split behind the last &, or behind the first
// &+, of which it colours the letter that follows.
void add_ampersand_parts(std::string_view value, std::vector<std::string>& forms) {
  const std::size_t plus = value.find("&+");
  const std::size_t last = value.rfind('&');
  if (last == std::string_view::npos) return;
  const std::size_t split = plus != std::string_view::npos ? plus + 2 : last + 1;
  std::string_view rest = value.substr(split);
  if (plus != std::string_view::npos && !rest.empty()) {
    rest.remove_prefix(expr::first_code_point(rest).bytes);
  }
  if (split >= kShortest) forms.emplace_back(value.substr(0, split));
  if (rest.size() >= kShortest) forms.emplace_back(rest);
}

}  // namespace

std::vector<std::string> secret_forms(std::string_view value) {
  std::vector<std::string> forms;
  if (value.empty()) return forms;
  forms.emplace_back(value);
  for (const std::size_t skip : {0U, 1U, 2U}) {
    forms.push_back(base64_from(value, skip));
    add_open_base64(value, skip, forms);
  }
  forms.push_back(replace_all(value, "\"", "\\\""));
  forms.push_back(replace_all(value, "'", "''"));
  forms.push_back(json_escaped(value));
  forms.push_back(uri_escaped(value));
  forms.push_back(xml_escaped(value));
  if (value.size() > 8 && value.front() == '"' && value.back() == '"') {
    forms.emplace_back(value.substr(1, value.size() - 2));
  }
  add_ampersand_parts(value, forms);
  return forms;
}

}  // namespace gantry::core::run
