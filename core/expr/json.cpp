// SPDX-License-Identifier: MIT
#include "core/base/text.hpp"
#include "core/expr/number.hpp"
#include "core/expr/plain_json.hpp"
#include "core/expr/value.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

namespace gantry::core::expr {
namespace {

constexpr std::size_t kMaxDepth = 100;

// Builds Values from nlohmann's events, so that no second tree exists.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Builder(Keys keys) : keys_(keys) {}

  bool null() override { return put(Value()); }
  bool boolean(bool value) override { return put(Value(value)); }
  bool number_integer(number_integer_t value) override { return put(Value(value)); }
  bool number_unsigned(number_unsigned_t value) override {
    return put(Value(static_cast<double>(value)));
  }
  bool number_float(number_float_t value, const string_t& /*text*/) override {
    return put(Value(value));
  }
  bool string(string_t& value) override { return put(Value(std::move(value))); }
  bool binary(binary_t& /*value*/) override { return false; }
  bool start_object(std::size_t /*size*/) override { return open(Level{Object(keys_), {}, {}}); }
  bool start_array(std::size_t /*size*/) override { return open(Level{{}, Array(), {}}); }
  bool key(string_t& name) override {
    levels_.back().key = std::move(name);
    return true;
  }
  bool end_object() override {
    Object done = std::move(*levels_.back().object);
    levels_.pop_back();
    return put(Value(std::move(done)));
  }
  bool end_array() override {
    Array done = std::move(*levels_.back().array);
    levels_.pop_back();
    return put(Value(std::move(done)));
  }
  bool parse_error(std::size_t position, const std::string& /*last_token*/,
                   const nlohmann::detail::exception& error) override {
    // "[json.exception.parse_error.101] parse error at line …: what" → "at line …: what"
    std::string_view why = error.what();
    if (const auto at = why.find("parse error "); at != why.npos) why.remove_prefix(at + 12);
    // It quotes the text, whatever bytes that has.
    error_ = Error{Errc::invalid, "parsing JSON: " + to_valid_utf8(why)};
    if (why.empty()) error_.message += "at byte " + std::to_string(position);
    return false;
  }

  Value& result() { return result_; }
  Error& error() { return error_; }

 private:
  struct Level {
    std::optional<Object> object;
    std::optional<Array> array;
    std::string key;
  };
  bool open(Level level) {
    if (levels_.size() == kMaxDepth) {
      error_ = Error{Errc::too_large, "parsing JSON: nested deeper than 100 levels"};
      return false;
    }
    levels_.push_back(std::move(level));
    return true;
  }
  bool put(Value value) {
    if (levels_.empty()) {
      result_ = std::move(value);
    } else if (levels_.back().object) {
      levels_.back().object->set(std::move(levels_.back().key), std::move(value));
    } else {
      levels_.back().array->push_back(std::move(value));
    }
    return true;
  }

  Keys keys_;
  std::vector<Level> levels_;
  Value result_;
  Error error_;
};

// The escape GitHub writes for the character at the front of `text`, and its length in bytes; none
// for most: quotes, control characters and the line ends of other worlds.
struct Escape {
  std::string text;
  std::size_t bytes = 1;
};
Escape escape_of(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(text[0]);
  if (byte == '"' || byte == '\\') return {{'\\', text[0]}};
  if (text.starts_with("\u0085")) return {"\\u0085", 2};
  if (text.starts_with("\u2028")) return {"\\u2028", 3};
  if (text.starts_with("\u2029")) return {"\\u2029", 3};
  if (byte >= 0x20) return {};
  const std::size_t named = std::string_view("\b\t\n\f\r").find(text[0]);
  if (named != std::string_view::npos) return {{'\\', "btnfr"[named]}};
  return {{'\\', 'u', '0', '0', kHex[byte >> 4U], kHex[byte & 15U]}};
}

void write_string(std::string& out, std::string_view text) {
  static constexpr std::array<bool, 256> kPlain = [] {
    std::array<bool, 256> plain{};
    for (std::size_t c = 0x20; c < 0x100; ++c)
      plain[c] = c != '"' && c != '\\' && c != 0xC2 && c != 0xE2;
    return plain;
  }();
  const auto is_plain = [](char c) { return kPlain[static_cast<unsigned char>(c)]; };
  out += '"';
  while (!text.empty()) {
    const auto end = std::find_if_not(text.begin(), text.end(), is_plain);
    out.append(text.begin(), end);
    text.remove_prefix(static_cast<std::size_t>(end - text.begin()));
    if (text.empty()) break;
    const Escape escape = escape_of(text);
    out += escape.text.empty() ? text.substr(0, 1) : std::string_view(escape.text);
    text.remove_prefix(escape.bytes);
  }
  out += '"';
}

void write_number(std::string& out, double value, JsonStyle style) {
  if (style == JsonStyle::indented) {
    out += format_number(value);  // toJSON() prints like the language: 15 digits, NaN
  } else if (!std::isfinite(value)) {
    out += "null";
  } else {
    char buffer[32];
    const bool whole = value == std::trunc(value) && std::fabs(value) < 9007199254740992.0;
    const auto end = whole ? std::to_chars(buffer, std::end(buffer), static_cast<long long>(value))
                           : std::to_chars(buffer, std::end(buffer), value);
    out.append(buffer, end.ptr);
  }
}

void new_line(std::string& out, JsonStyle style, std::size_t depth) {
  if (style == JsonStyle::indented) out.append("\n").append(2 * depth, ' ');
}

void write(std::string& out, const Value& value, JsonStyle style, std::size_t depth) {
  switch (value.kind()) {
    case Kind::null:
      out += "null";
      return;
    case Kind::boolean:
      out += value.boolean() ? "true" : "false";
      return;
    case Kind::number:
      return write_number(out, value.number(), style);
    case Kind::string:
      return write_string(out, value.string());
    case Kind::array:
    case Kind::object:
      break;
  }
  const bool is_array = value.kind() == Kind::array;
  std::size_t count = 0;
  const auto item = [&](const Value& child, const std::string* key) {
    if (count++ > 0) out += ',';
    new_line(out, style, depth + 1);
    if (key != nullptr) {
      write_string(out, *key);
      out += style == JsonStyle::indented ? ": " : ":";
    }
    write(out, child, style, depth + 1);
  };
  out += is_array ? '[' : '{';
  if (is_array) {
    for (const Value& child : value.array())
      item(child, nullptr);
  } else {
    for (const auto& [key, child] : value.object().entries())
      item(child, &key);
  }
  if (count > 0) new_line(out, style, depth);
  out += is_array ? ']' : '}';
}

}  // namespace

Result<Value> parse_json(std::string_view text, Keys keys) {
  if (auto plain = read_plain_json(text, keys)) return std::move(*plain);
  Builder builder(keys);
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder)) return fail(builder.error());
  return std::move(builder.result());
}

std::string to_json(const Value& value, JsonStyle style) {
  std::string out;
  write(out, value, style, 0);
  return out;
}

}  // namespace gantry::core::expr
