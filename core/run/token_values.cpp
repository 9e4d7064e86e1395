// SPDX-License-Identifier: MIT
#include "core/run/token_values.hpp"

namespace gantry::core::run {
namespace {

using expr::Kind;
using expr::Value;
using workflow::Token;
using workflow::TokenKind;

Evaluated<Value> sequence(const Token& token, const expr::Environment& environment) {
  expr::Array array;
  for (const Token& item : token.items) {
    auto value = evaluate_token(item, environment);
    if (!value) return value;
    if (item.is_expression() && value->kind() == Kind::array) {
      array.insert(array.end(), value->array().begin(), value->array().end());
    } else {
      array.push_back(*std::move(value));
    }
  }
  return Value(std::move(array));
}

tl::unexpected<yaml::Diagnostic> defined_already(const std::string& name, const Token& key) {
  return tl::unexpected(diagnostic_at(key.position, "'" + name + "' is already defined"));
}

Evaluated<Value> mapping(const Token& token, const expr::Environment& environment) {
  expr::Object object;
  for (const auto& [key, item] : token.entries) {
    auto value = evaluate_token(item, environment);
    if (!value) return value;
    if (key.kind == TokenKind::insert) {
      if (value->kind() != Kind::object) {
        return tl::unexpected(diagnostic_at(item.position, "Expected a mapping to insert"));
      }
      for (const auto& [name, inserted] : value->object().entries()) {
        if (object.find(name) != nullptr) return defined_already(name, key);
        object.set(name, inserted);
      }
      continue;
    }
    auto name = evaluate_token(key, environment);
    if (!name) return name;
    if (object.find(name->to_string()) != nullptr) return defined_already(name->to_string(), key);
    object.set(name->to_string(), *std::move(value));
  }
  return Value(std::move(object));
}

}  // namespace

yaml::Diagnostic diagnostic_at(yaml::Position position, std::string message) {
  return {.position = position, .message = std::move(message), .kind = "expression"};
}

Evaluated<Value> evaluate_token(const Token& token, const expr::Environment& environment) {
  switch (token.kind) {
    case TokenKind::null:
      return Value();
    case TokenKind::boolean:
      return Value(token.boolean);
    case TokenKind::number:
      return Value(token.number);
    case TokenKind::string:
      return Value(token.text);
    case TokenKind::sequence:
      return sequence(token, environment);
    case TokenKind::mapping:
      return mapping(token, environment);
    case TokenKind::expression: {
      if (!token.expression) return Value();
      auto value = expr::evaluate(*token.expression, environment);
      if (value) return *std::move(value);
      return tl::unexpected(diagnostic_at(token.position, value.error().message));
    }
    case TokenKind::insert:
      break;
  }
  return tl::unexpected(
      diagnostic_at(token.position, "The directive 'insert' is not allowed here"));
}

}  // namespace gantry::core::run
