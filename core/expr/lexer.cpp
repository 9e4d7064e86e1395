// SPDX-License-Identifier: MIT
#include "core/expr/lexer.hpp"

#include "core/expr/number.hpp"
#include "core/expr/unicode.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gantry::core::expr {
namespace {

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_name(std::string_view word) {
  return is_letter(word.front()) && std::all_of(word.begin(), word.end(), [](char c) {
           return is_letter(c) || is_digit(c) || c == '-';
         });
}

std::optional<Value> keyword(std::string_view word) {
  if (word == "null") return Value();
  if (word == "true") return Value(true);
  if (word == "false") return Value(false);
  if (word == "NaN") return Value(std::numeric_limits<double>::quiet_NaN());
  if (word == "Infinity") return Value(std::numeric_limits<double>::infinity());
  return std::nullopt;
}

}  // namespace

std::optional<Token> Lexer::next() {
  at_ = skip_white_space(at_);
  if (at_ == text_.size()) return std::nullopt;
  position_ += static_cast<std::uint32_t>(utf16_length(text_.substr(counted_, at_ - counted_)));
  counted_ = at_;
  Token token = read();
  last_ = token.kind;
  return token;
}

Token Lexer::read() {
  switch (text_[at_]) {
    case '(':
      return take(
          last_ == TokenKind::function ? TokenKind::start_parameters : TokenKind::start_group, 1);
    case ')':
      return take(!open_.empty() && open_.back() == TokenKind::start_parameters
                      ? TokenKind::end_parameters
                      : TokenKind::end_group,
                  1);
    case '[':
      return take(TokenKind::start_index, 1);
    case ']':
      return take(TokenKind::end_index, 1);
    case ',':
      return take(TokenKind::separator, 1);
    case '*':
      return take(TokenKind::wildcard, 1);
    case '\'':
      return read_string();
    case '!':
    case '<':
    case '>':
    case '=':
    case '&':
    case '|':
      return read_operator();
    case '.':
      return expects_operand() ? read_number() : take(TokenKind::dereference, 1);
    case '+':
    case '-':
      return read_number();
    default:
      return is_digit(text_[at_]) ? read_number() : read_word();
  }
}

Token Lexer::read_number() {
  std::size_t end = at_ + 1;
  while (end < text_.size() && (text_[end] == '.' || !is_boundary(end)))
    ++end;
  const double number = parse_number(text_.substr(at_, end - at_));
  return take(std::isnan(number) ? TokenKind::unexpected : TokenKind::literal, end - at_, number);
}

Token Lexer::read_word() {
  const std::size_t end = end_of_word(at_ + first_code_point(text_.substr(at_)).bytes);
  const std::string_view word = text_.substr(at_, end - at_);
  if (!is_name(word)) return take(TokenKind::unexpected, word.size());
  if (last_ == TokenKind::dereference) return take(TokenKind::property_name, word.size());
  if (auto value = keyword(word)) return take(TokenKind::literal, word.size(), std::move(*value));
  const std::size_t after = skip_white_space(end);
  const bool is_call = after < text_.size() && text_[after] == '(';
  return take(is_call ? TokenKind::function : TokenKind::named_value, word.size());
}

Token Lexer::read_string() {
  std::string value;
  std::size_t end = at_ + 1;
  while (end < text_.size()) {
    const char c = text_[end++];
    if (c == '\'') {
      if (end == text_.size() || text_[end] != '\'') {
        return take(TokenKind::literal, end - at_, std::move(value));
      }
      ++end;
    }
    value += c;
  }
  return take(TokenKind::unexpected, end - at_);
}

Token Lexer::read_operator() {
  const std::string_view pair = text_.substr(at_, 2);
  for (const std::string_view known : {"!=", "<=", ">=", "==", "&&", "||"}) {
    if (pair == known) return take(TokenKind::logical_operator, 2);
  }
  const char c = text_[at_];
  if (c == '!' || c == '<' || c == '>') return take(TokenKind::logical_operator, 1);
  return take(TokenKind::unexpected, end_of_word(at_ + 1) - at_);
}

Token Lexer::take(TokenKind kind, std::size_t bytes, Value value) {
  Token token{kind, text_.substr(at_, bytes), position_, std::move(value)};
  at_ += bytes;
  if (!is_legal(kind, token.raw)) {
    token.kind = TokenKind::unexpected;
  } else if (kind <= TokenKind::start_parameters) {
    open_.push_back(kind);
  } else if (kind <= TokenKind::end_parameters) {
    open_.pop_back();
  }
  return token;
}

bool Lexer::is_legal(TokenKind kind, std::string_view raw) const {
  const auto inside = [&](TokenKind open) { return !open_.empty() && open_.back() == open; };
  switch (kind) {
    case TokenKind::start_index:
    case TokenKind::dereference:
      return follows_collection();
    case TokenKind::start_parameters:
      return true;  // made only after a function
    case TokenKind::end_group:
      return follows_operand() && inside(TokenKind::start_group);
    case TokenKind::end_index:
      return follows_operand() && inside(TokenKind::start_index);
    case TokenKind::end_parameters:
      return follows_operand() || last_ == TokenKind::start_parameters;
    case TokenKind::separator:
      return follows_operand() && inside(TokenKind::start_parameters);
    case TokenKind::wildcard:
      return last_ == TokenKind::start_index || last_ == TokenKind::dereference;
    case TokenKind::logical_operator:
      return raw == "!" ? expects_operand() : follows_operand();
    case TokenKind::property_name:
      return true;  // made only after a dereference
    case TokenKind::start_group:
    case TokenKind::literal:
    case TokenKind::function:
    case TokenKind::named_value:
      return expects_operand();
    case TokenKind::unexpected:
      break;
  }
  return false;
}

bool Lexer::expects_operand() const {
  return !last_ || *last_ == TokenKind::separator || *last_ <= TokenKind::start_parameters ||
         *last_ == TokenKind::logical_operator;
}

bool Lexer::follows_collection() const {
  return last_ && ((*last_ >= TokenKind::end_group && *last_ <= TokenKind::end_parameters) ||
                   *last_ == TokenKind::wildcard || *last_ == TokenKind::property_name ||
                   *last_ == TokenKind::named_value);
}

bool Lexer::follows_operand() const {
  return follows_collection() || last_ == TokenKind::literal;
}

bool Lexer::is_boundary(std::size_t at) const {
  const std::string_view rest = text_.substr(at);
  return std::string_view("([)],.!><=&|").find(rest[0]) != std::string_view::npos ||
         is_white_space(first_code_point(rest).value);
}

std::size_t Lexer::skip_white_space(std::size_t at) const {
  while (at < text_.size()) {
    const CodePoint c = first_code_point(text_.substr(at));
    if (!is_white_space(c.value)) break;
    at += c.bytes;
  }
  return at;
}

std::size_t Lexer::end_of_word(std::size_t at) const {
  while (at < text_.size() && !is_boundary(at))
    ++at;
  return at;
}

}  // namespace gantry::core::expr
