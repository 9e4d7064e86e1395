// SPDX-License-Identifier: MIT
#include "core/expr/lenient_json.hpp"

#include "core/expr/number.hpp"
#include "core/expr/unicode.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>

namespace gantry::core::expr {
namespace {

constexpr std::size_t kMaxDepth = 64;

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Result<Value> read_value(std::size_t depth) {
    TRY(const char c, peek_content());
    switch (c) {
      case '{':
        return read_object(depth + 1);
      case '[':
        return read_array(depth + 1);
      case '"':
      case '\'': {
        TRY(std::string text, read_string());
        return Value(std::move(text));
      }
      default:
        break;
    }
    const bool numeric = (c >= '0' && c <= '9') || c == '.' || c == '-';
    if (numeric && text_.substr(at_, 2) != "-I") return read_number();
    return read_literal();
  }

 private:
  [[nodiscard]] tl::unexpected<Error> wrong(std::string_view what) const {
    return fail(Errc::invalid, "Error parsing fromJson: " + std::string(what) + " at position " +
                                   std::to_string(utf16_length(text_.substr(0, at_)) + 1));
  }

  // The next byte that is neither white space nor part of a comment.
  Result<char> peek_content() {
    while (at_ < text_.size()) {
      const CodePoint c = first_code_point(text_.substr(at_));
      if (text_.substr(at_, 2) == "/*") {
        const std::size_t end = text_.find("*/", at_ + 2);
        if (end == std::string_view::npos) return wrong("unfinished comment");
        at_ = end + 2;
      } else if (text_.substr(at_, 2) == "//") {
        at_ = std::min(text_.find_first_of("\r\n", at_), text_.size());
      } else if (is_white_space(c.value)) {
        at_ += c.bytes;
      } else {
        return text_[at_];
      }
    }
    return wrong("unexpected end of JSON");
  }

  Result<Value> read_object(std::size_t depth) {
    if (depth > kMaxDepth) return wrong("nested deeper than 64 levels");
    Object object;
    ++at_;
    while (true) {
      TRY(const char c, peek_content());
      if (c == '}') break;
      TRY(std::string name, read_name());
      TRY(const char colon, peek_content());
      if (colon != ':') return wrong("expected ':' after a property name");
      ++at_;
      TRY(Value value, read_value(depth));
      object.set(std::move(name), std::move(value));
      TRY(const char after, peek_content());
      if (after == ',') {
        ++at_;
      } else if (after != '}') {
        return wrong("expected ',' or '}' after a property");
      }
    }
    ++at_;
    return Value(std::move(object));
  }

  Result<Value> read_array(std::size_t depth) {
    if (depth > kMaxDepth) return wrong("nested deeper than 64 levels");
    Array array;
    ++at_;
    while (true) {
      TRY(const char c, peek_content());
      if (c == ']') break;
      if (c == ',') {  // nothing between two commas: GitHub's reader makes an empty text of it
        array.emplace_back("");
      } else {
        TRY(Value value, read_value(depth));
        array.push_back(std::move(value));
      }
      TRY(const char after, peek_content());
      if (after == ',') {
        ++at_;
      } else if (after != ']') {
        return wrong("expected ',' or ']' after an item");
      }
    }
    ++at_;
    return Value(std::move(array));
  }

  Result<std::string> read_name() {
    const char c = text_[at_];
    if (c == '"' || c == '\'') return read_string();
    const std::size_t start = at_;
    while (at_ < text_.size() && is_word_byte(text_[at_]))
      ++at_;
    if (at_ == start) return wrong("invalid property name");
    return std::string(text_.substr(start, at_ - start));
  }

  static bool is_word_byte(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '$' || byte >= 0x80;
  }

  Result<std::string> read_string() {
    const char quote = text_[at_++];
    std::string out;
    while (true) {
      const std::size_t end = text_.find_first_of(quote == '"' ? "\"\\" : "'\\", at_);
      if (end == std::string_view::npos) {
        at_ = text_.size();
        return wrong("unfinished string");
      }
      out += text_.substr(at_, end - at_);
      at_ = end + 1;
      if (text_[end] == quote) return out;
      TRY(const char32_t c, read_escape());
      append_utf8(out, c);
    }
  }

  Result<char32_t> read_escape() {
    if (at_ == text_.size()) return wrong("unfinished string");
    const char c = text_[at_++];
    switch (c) {
      case 'b':
        return U'\b';
      case 'f':
        return U'\f';
      case 'n':
        return U'\n';
      case 'r':
        return U'\r';
      case 't':
        return U'\t';
      case '"':
      case '\'':
      case '\\':
      case '/':
        return static_cast<char32_t>(c);
      case 'u':
        break;
      default:
        return wrong("unknown escape");
    }
    TRY(const char32_t unit, read_hex());
    if (unit < 0xD800 || unit > 0xDFFF) return unit;
    if (unit >= 0xDC00 || text_.substr(at_, 2) != "\\u") return U'\uFFFD';
    at_ += 2;
    TRY(const char32_t low, read_hex());
    if (low < 0xDC00 || low > 0xDFFF) {
      at_ -= 6;
      return U'\uFFFD';
    }
    return 0x10000U + ((unit - 0xD800U) << 10U) + (low - 0xDC00U);
  }

  Result<char32_t> read_hex() {
    std::uint32_t unit = 0;
    const std::string_view digits = text_.substr(at_, 4);
    const char* last = digits.data() + digits.size();
    const auto [end, error] = std::from_chars(digits.data(), last, unit, 16);
    if (digits.size() < 4 || error != std::errc() || end != last)
      return wrong("invalid \\u escape");
    at_ += 4;
    return static_cast<char32_t>(unit);
  }

  Result<Value> read_number() {
    const std::size_t start = at_;
    at_ = std::min(text_.find_first_not_of("0123456789+-.abcdefABCDEFxX", at_), text_.size());
    const std::string_view raw = text_.substr(start, at_ - start);
    if (!at_end_of_word()) return wrong("unexpected character in a number");
    const bool other_base =
        raw.size() > 1 && raw[0] == '0' && raw[1] != '.' && (raw[1] | 0x20) != 'e';
    if (other_base) {
      const bool hex = (raw[1] | 0x20) == 'x';
      std::uint64_t bits = 0;
      const char* last = raw.data() + raw.size();
      const auto [end, error] =
          std::from_chars(raw.data() + (hex ? 2 : 1), last, bits, hex ? 16 : 8);
      if (error != std::errc() || end != last) return wrong("invalid number");
      return Value(static_cast<std::int64_t>(bits));
    }
    const bool decimal = raw.find_first_not_of("0123456789+-.eE") == std::string_view::npos;
    const double value = parse_number(raw);
    if (!decimal || std::isnan(value)) return wrong("invalid number");
    return Value(value);
  }

  Result<Value> read_literal() {
    const std::size_t start = at_;
    if (text_[at_] == '-') ++at_;
    while (at_ < text_.size() && is_word_byte(text_[at_]))
      ++at_;
    const std::string_view word = text_.substr(start, at_ - start);
    if (at_end_of_word()) {
      if (word == "null") return Value();
      if (word == "true") return Value(true);
      if (word == "false") return Value(false);
      if (word == "undefined") return Value("");
      if (word == "NaN") return Value(std::numeric_limits<double>::quiet_NaN());
      if (word == "Infinity" || word == "-Infinity") return Value(parse_number(word));
    }
    at_ = start;
    return wrong("unexpected character");
  }

  bool at_end_of_word() const {
    if (at_ == text_.size()) return true;
    const std::string_view rest = text_.substr(at_);
    return std::string_view(",]})/").find(rest[0]) != std::string_view::npos ||
           is_white_space(first_code_point(rest).value);
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

Result<Value> parse_lenient_json(std::string_view text) {
  return Reader(text).read_value(0);
}

}  // namespace gantry::core::expr
