// SPDX-License-Identifier: MIT
// Text of an expression → tokens, one at a time. The lexer also knows which token may follow which
// and which brackets are open, so that the first symbol out of place is the one that is reported.
#pragma once

#include "core/expr/value.hpp"

#include <cstdint>
#include <optional>

namespace gantry::core::expr {

enum class TokenKind {
  start_group,       // ( of a group
  start_index,       // [
  start_parameters,  // ( of a call
  end_group,
  end_index,
  end_parameters,
  separator,    // ,
  dereference,  // .
  wildcard,     // *
  logical_operator,
  literal,
  property_name,  // after a dereference
  function,       // a name before (
  named_value,
  unexpected,  // illegal, alone or where it stands
};

struct Token {
  TokenKind kind = TokenKind::unexpected;
  std::string_view raw;        // as written; views into the text
  std::uint32_t position = 0;  // 1-based, in UTF-16 units
  Value value;                 // of a literal
};

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}
  std::optional<Token> next();  // nullopt at the end
  bool has_open_bracket() const { return !open_.empty(); }

 private:
  Token read();
  Token read_number();
  Token read_word();
  Token read_string();
  Token read_operator();
  Token take(TokenKind kind, std::size_t bytes, Value value = {});
  bool is_legal(TokenKind kind, std::string_view raw) const;
  bool expects_operand() const;
  bool follows_collection() const;
  bool follows_operand() const;
  bool is_boundary(std::size_t at) const;
  std::size_t skip_white_space(std::size_t at) const;
  std::size_t end_of_word(std::size_t at) const;

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t counted_ = 0;  // bytes that `position_` is about
  std::uint32_t position_ = 1;
  std::optional<TokenKind> last_;
  std::vector<TokenKind> open_;
};

}  // namespace gantry::core::expr
