// SPDX-License-Identifier: MIT
#include "daemon/runner/evaluate.hpp"

namespace gantry::daemon::runner {
namespace {

using core::expr::Array;
using core::expr::Keys;
using core::expr::Kind;
using core::expr::Object;
using core::expr::Value;
using core::workflow::Token;
using core::workflow::TokenKind;

bool is_scalar(const Value& value) {
  return value.kind() != Kind::array && value.kind() != Kind::object;
}

core::Result<Value> sequence(const Evaluator& evaluator, const Token& token) {
  Array array;
  for (const Token& item : token.items) {
    TRY(const Value value, evaluator.value(item));
    if (item.is_expression() && value.kind() == Kind::array) {
      array.insert(array.end(), value.array().begin(), value.array().end());
    } else {
      array.push_back(value);
    }
  }
  return Value(std::move(array));
}

core::Result<Value> mapping(const Evaluator& evaluator, const Token& token) {
  Object object(Keys::case_sensitive);
  for (const auto& [key, item] : token.entries) {
    TRY(const Value value, evaluator.value(item));
    if (key.kind == TokenKind::insert) {
      if (value.kind() != Kind::object) {
        return core::fail(evaluator.error_at(item, "Expected a mapping to insert"));
      }
      for (const auto& [name, inserted] : value.object().entries())
        object.set(name, inserted);
    } else {
      TRY(std::string name, evaluator.text(key));
      object.set(std::move(name), value);
    }
  }
  return Value(std::move(object));
}

}  // namespace

core::Error Evaluator::error_at(const Token& token, std::string_view message) const {
  return core::Error{core::Errc::invalid, file + ':' + std::to_string(token.position.line) + ':' +
                                              std::to_string(token.position.column) + ": " +
                                              std::string(message)};
}

core::Result<Value> Evaluator::value(const Token& token) const {
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
      return sequence(*this, token);
    case TokenKind::mapping:
      return mapping(*this, token);
    case TokenKind::insert:
      break;
    case TokenKind::expression: {
      if (!token.expression) break;
      auto result = core::expr::evaluate(*token.expression, environment);
      if (!result) return core::fail(error_at(token, result.error().message));
      return result;
    }
  }
  return core::fail(error_at(token, "Unexpected value '" + token.text + "'"));
}

core::Result<std::string> Evaluator::text(const Token& token) const {
  TRY(const Value result, value(token));
  if (!is_scalar(result)) {
    return core::fail(error_at(token, "Expected a string, not a list or a mapping"));
  }
  return result.to_string();
}

core::Result<std::vector<std::pair<std::string, std::string>>> Evaluator::texts(
    const Token& token) const {
  std::vector<std::pair<std::string, std::string>> texts;
  TRY(const Value result, value(token));
  if (result.is_null()) return texts;
  if (result.kind() != Kind::object) return core::fail(error_at(token, "Expected a mapping"));
  for (const auto& [name, item] : result.object().entries()) {
    if (!is_scalar(item)) {
      return core::fail(error_at(token, "Expected '" + name + "' to be a string"));
    }
    texts.emplace_back(name, item.to_string());
  }
  return texts;
}

core::Result<std::optional<double>> Evaluator::number(const Token& token) const {
  TRY(const Value result, value(token));
  if (result.is_null()) return std::optional<double>();
  if (result.kind() != Kind::number) return core::fail(error_at(token, "Expected a number"));
  return std::optional<double>(result.number());
}

core::Result<bool> Evaluator::boolean(const Token& token) const {
  TRY(const Value result, value(token));
  if (result.is_null()) return false;
  if (result.kind() != Kind::boolean) return core::fail(error_at(token, "Expected a boolean"));
  return result.boolean();
}

core::Result<bool> Evaluator::condition(const Token& token) const {
  TRY(const Value result, value(token));
  return result.truthy();
}

}  // namespace gantry::daemon::runner
