// SPDX-License-Identifier: MIT
#include "core/expr/plain_json.hpp"

#include "core/expr/unicode.hpp"

#include <array>
#include <cstdint>
#include <utility>

namespace gantry::core::expr {
namespace {

constexpr std::size_t kMaxDepth = 100;
constexpr std::size_t kMaxDigits = 15;  // so many are exact in a double

// Ends a run of ASCII characters that stand for themselves.
constexpr std::array<bool, 256> kEndsRun = [] {
  std::array<bool, 256> ends{};
  for (std::size_t c = 0; c < 0x20; ++c)
    ends[c] = true;
  for (std::size_t c = 0x80; c < 0x100; ++c)
    ends[c] = true;
  ends['"'] = ends['\\'] = true;
  return ends;
}();

// Each function reads one thing at at_; false: left to the other reader.
class Reader {
 public:
  Reader(std::string_view text, Keys keys)
      : at_(text.data()), end_(at_ + text.size()), keys_(keys) {}

  bool read(Value& into) {
    if (!value(into)) return false;
    skip_space();
    return at_ == end_;
  }

 private:
  void skip_space() {
    while (at_ < end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t'))
      ++at_;
  }

  // The character after white space, taken.
  bool take(char wanted) {
    skip_space();
    if (at_ == end_ || *at_ != wanted) return false;
    ++at_;
    return true;
  }

  bool take_word(std::string_view word) {
    if (!std::string_view(at_, static_cast<std::size_t>(end_ - at_)).starts_with(word))
      return false;
    at_ += word.size();
    return true;
  }

  bool value(Value& into) {
    skip_space();
    if (at_ == end_) return false;
    switch (*at_) {
      case '{':
        return object(into);
      case '[':
        return array(into);
      case '"': {
        std::string text;
        if (!string(text)) return false;
        into = Value(std::move(text));
        return true;
      }
      case 'n':
        into = Value();
        return take_word("null");
      case 't':
        into = Value(true);
        return take_word("true");
      case 'f':
        into = Value(false);
        return take_word("false");
      default:
        return whole_number(into);
    }
  }

  bool whole_number(Value& into) {
    const char* const begin = at_;
    std::int64_t number = 0;
    while (at_ < end_ && *at_ >= '0' && *at_ <= '9')
      number = number * 10 + (*at_++ - '0');
    const auto digits = static_cast<std::size_t>(at_ - begin);
    if (digits == 0 || digits > kMaxDigits || (digits > 1 && *begin == '0')) return false;
    if (at_ < end_ && (*at_ == '.' || *at_ == 'e' || *at_ == 'E')) return false;
    into = Value(number);
    return true;
  }

  bool string(std::string& into) {
    ++at_;
    for (;;) {
      const char* const begin = at_;
      while (at_ < end_ && !kEndsRun[static_cast<unsigned char>(*at_)])
        ++at_;
      into.append(begin, at_);
      if (at_ == end_) return false;
      if (*at_ == '"') break;
      if (!(*at_ == '\\' ? escape(into) : beyond_ascii(into))) return false;
    }
    ++at_;
    return true;
  }

  bool beyond_ascii(std::string& into) {
    const auto [value, bytes] =
        first_code_point(std::string_view(at_, static_cast<std::size_t>(end_ - at_)));
    const bool is_surrogate = value >= 0xD800 && value < 0xE000;
    // One byte: a control character, or invalid. The rest: longer than need be.
    if (bytes == 1 || is_surrogate || (bytes == 3 && value < 0x800) ||
        (bytes == 4 && (value < 0x10000 || value > 0x10FFFF))) {
      return false;
    }
    into.append(at_, bytes);
    at_ += bytes;
    return true;
  }

  bool escape(std::string& into) {
    if (end_ - at_ < 2) return false;
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const char name = at_[1];
    at_ += 2;
    if (name == 'u') return unicode(into);
    const std::size_t which = kNames.find(name);
    if (which == std::string_view::npos) return false;
    into += kMeanings[which];
    return true;
  }

  bool unicode(std::string& into) {
    if (end_ - at_ < 4) return false;
    char32_t point = 0;
    for (const char* const after = at_ + 4; at_ < after; ++at_) {
      constexpr std::string_view kDigits = "0123456789abcdef";
      const char lower = *at_ >= 'A' && *at_ <= 'F' ? static_cast<char>(*at_ + ('a' - 'A')) : *at_;
      const std::size_t digit = kDigits.find(lower);
      if (digit == std::string_view::npos) return false;
      point = point * 16 + static_cast<char32_t>(digit);
    }
    if (point >= 0xD800 && point < 0xE000) return false;  // half of a pair
    append_utf8(into, point);
    return true;
  }

  bool array(Value& into) {
    if (++depth_ > kMaxDepth) return false;
    ++at_;
    Array items;
    if (!take(']')) {
      do {
        if (!value(items.emplace_back())) return false;
      } while (take(','));
      if (!take(']')) return false;
    }
    --depth_;
    into = Value(std::move(items));
    return true;
  }

  bool object(Value& into) {
    if (++depth_ > kMaxDepth) return false;
    ++at_;
    Object members(keys_);
    if (!take('}')) {
      do {
        skip_space();
        std::string key;
        Value member;
        if (at_ == end_ || *at_ != '"' || !string(key) || !take(':') || !value(member)) {
          return false;
        }
        members.set(std::move(key), std::move(member));
      } while (take(','));
      if (!take('}')) return false;
    }
    --depth_;
    into = Value(std::move(members));
    return true;
  }

  const char* at_;
  const char* const end_;
  const Keys keys_;
  std::size_t depth_ = 0;
};

}  // namespace

std::optional<Value> read_plain_json(std::string_view text, Keys keys) {
  Value value;
  if (!Reader(text, keys).read(value)) return std::nullopt;
  return value;
}

}  // namespace gantry::core::expr
