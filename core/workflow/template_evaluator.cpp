// SPDX-License-Identifier: MIT
#include "core/workflow/template_evaluator.hpp"

#include "core/base/text.hpp"
#include "core/workflow/memory.hpp"

namespace gantry::core::workflow {
namespace {

using expr::Kind;
using expr::Value;

tl::unexpected<yaml::Diagnostic> fail_at(const Token& token, std::string message) {
  return tl::unexpected(yaml::Diagnostic{token.position, yaml::Severity::error, std::move(message),
                                         "", "expression"});
}

std::string describe(const Value& value) {
  switch (value.kind()) {
    case Kind::null:
      return "nothing";
    case Kind::boolean:
    case Kind::number:
      return value.to_string();
    case Kind::string:
      return "'" + cut_utf8(value.string(), 100) + "'";
    case Kind::array:
      return "a sequence";
    case Kind::object:
      return "a mapping";
  }
  return "";
}

// One evaluation of a token tree.
class Evaluation {
 public:
  explicit Evaluation(const expr::Environment& environment) : environment_(environment) {}

  Evaluated<Value> run(const Token& token) {
    switch (token.kind) {
      case TokenKind::null:
        return Value();
      case TokenKind::boolean:
        return count(token, Value(token.boolean));
      case TokenKind::number:
        return count(token, Value(token.number));
      case TokenKind::string:
        return count(token, Value(token.text));
      case TokenKind::expression:
        return run_expression(token);
      case TokenKind::sequence:
        return run_sequence(token);
      case TokenKind::mapping:
        return run_mapping(token);
      case TokenKind::insert:
        break;
    }
    return fail_at(token, "The expression directive 'insert' is not supported in this context");
  }

 private:
  Evaluated<Value> count(const Token& token, Value value) {
    bytes_ += bytes_of_tree(value);
    if (bytes_ <= kMaxEvaluatedBytes) return value;
    return fail_at(token, "Maximum object size exceeded");
  }

  Evaluated<Value> run_expression(const Token& token) {
    if (!token.expression) return Value();
    auto value = expr::evaluate(*token.expression, environment_);
    if (!value) return fail_at(token, std::move(value.error().message));
    return count(token, std::move(*value));
  }

  Evaluated<Value> run_sequence(const Token& token) {
    expr::Array array;
    for (const Token& item : token.items) {
      auto value = run(item);
      if (!value) return value;
      if (item.is_expression() && value->kind() == Kind::array) {
        array.insert(array.end(), value->array().begin(), value->array().end());
      } else {
        array.push_back(std::move(*value));
      }
    }
    return Value(std::move(array));
  }

  Evaluated<Value> run_mapping(const Token& token) {
    expr::Object object;
    for (const auto& [key, value_token] : token.entries) {
      auto value = run(value_token);
      if (!value) return value;
      if (key.kind == TokenKind::insert) {
        if (value->is_null()) continue;
        if (value->kind() != Kind::object) return fail_at(value_token, "Expected a mapping");
        for (const auto& [name, inserted] : value->object().entries()) {
          if (object.find(name) != nullptr) return already_defined(key, name);
          object.set(name, inserted);
        }
        continue;
      }
      auto name = run(key);
      if (!name) return name;
      if (name->kind() == Kind::array || name->kind() == Kind::object) {
        return fail_at(key, "Expected a scalar value");
      }
      if (object.find(name->to_string()) != nullptr) return already_defined(key, name->to_string());
      object.set(name->to_string(), std::move(*value));
    }
    return Value(std::move(object));
  }

  static tl::unexpected<yaml::Diagnostic> already_defined(const Token& key,
                                                          const std::string& name) {
    return fail_at(key, "'" + name + "' is already defined");
  }

  const expr::Environment& environment_;
  std::size_t bytes_ = 0;
};

Evaluated<std::string> to_text(const Token& token, const Value& value) {
  if (value.kind() == Kind::array) return fail_at(token, "A sequence was not expected");
  if (value.kind() == Kind::object) return fail_at(token, "A mapping was not expected");
  return value.to_string();
}

// The token of the entry a value came from, for its position; `token` itself when it was inserted.
const Token& token_of(const Token& token, std::string_view key) {
  const Token* found = token.find(key);
  return found != nullptr ? *found : token;
}

}  // namespace

Evaluated<Value> evaluate(const Token& token, const expr::Environment& environment) {
  return Evaluation(environment).run(token);
}

Evaluated<std::string> evaluate_string(const Token& token, const expr::Environment& environment) {
  const auto value = evaluate(token, environment);
  if (!value) return tl::unexpected(value.error());
  return to_text(token, *value);
}

Evaluated<bool> evaluate_boolean(const Token& token, const expr::Environment& environment) {
  const auto value = evaluate(token, environment);
  if (!value) return tl::unexpected(value.error());
  if (value->is_null()) return false;
  if (value->kind() == Kind::boolean) return value->boolean();
  return fail_at(token, "Expected true or false, but got " + describe(*value));
}

Evaluated<double> evaluate_number(const Token& token, const expr::Environment& environment) {
  const auto value = evaluate(token, environment);
  if (!value) return tl::unexpected(value.error());
  if (value->is_null()) return 0.0;
  if (value->kind() == Kind::number) return value->number();
  return fail_at(token, "Expected a number, but got " + describe(*value));
}

Evaluated<StringMap> evaluate_string_map(const Token& token, const expr::Environment& environment) {
  const auto value = evaluate(token, environment);
  if (!value) return tl::unexpected(value.error());
  StringMap map;
  if (value->is_null()) return map;
  if (value->kind() != Kind::object) {
    return fail_at(token, "Expected a mapping, but got " + describe(*value));
  }
  for (const auto& [key, item] : value->object().entries()) {
    auto text = to_text(token_of(token, key), item);
    if (!text) return tl::unexpected(text.error());
    map.emplace_back(key, std::move(*text));
  }
  return map;
}

Evaluated<std::vector<std::string>> evaluate_strings(const Token& token,
                                                     const expr::Environment& environment) {
  const auto value = evaluate(token, environment);
  if (!value) return tl::unexpected(value.error());
  std::vector<std::string> strings;
  if (value->is_null()) return strings;
  if (value->kind() != Kind::array) {
    auto text = to_text(token, *value);
    if (!text) return tl::unexpected(text.error());
    strings.push_back(std::move(*text));
    return strings;
  }
  for (const Value& item : value->array()) {
    auto text = to_text(token, item);
    if (!text) return tl::unexpected(text.error());
    strings.push_back(std::move(*text));
  }
  return strings;
}

Evaluated<bool> evaluate_condition(const Token& token, const expr::Environment& environment) {
  const auto value = evaluate(token, environment);
  if (!value) return tl::unexpected(value.error());
  return value->truthy();
}

}  // namespace gantry::core::workflow
