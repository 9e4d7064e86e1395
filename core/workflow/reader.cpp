// SPDX-License-Identifier: MIT
#include "core/workflow/reader.hpp"

#include "core/base/text.hpp"
#include "core/expr/interpolate.hpp"
#include "core/expr/number.hpp"
#include "core/workflow/converter.hpp"
#include "core/workflow/memory.hpp"

#include <algorithm>
#include <map>
#include <unordered_set>

namespace gantry::core::workflow {
namespace {

using Definitions = std::vector<const Definition*>;

TokenKind kind_of(yaml::NodeKind kind) {
  switch (kind) {
    case yaml::NodeKind::null:
      return TokenKind::null;
    case yaml::NodeKind::boolean:
      return TokenKind::boolean;
    case yaml::NodeKind::number:
      return TokenKind::number;
    case yaml::NodeKind::string:
      return TokenKind::string;
    case yaml::NodeKind::sequence:
      return TokenKind::sequence;
    case yaml::NodeKind::mapping:
      return TokenKind::mapping;
  }
  return TokenKind::null;
}

Token token_at(const yaml::Node& node) {
  Token token;
  token.kind = kind_of(node.kind);
  token.position = node.position;
  token.boolean = node.boolean;
  token.number = node.number;
  if (token.kind == TokenKind::string) token.text = node.text;
  return token;
}

std::string literal_text(const Token& token) {
  switch (token.kind) {
    case TokenKind::boolean:
      return token.boolean ? "true" : "false";
    case TokenKind::number:
      return expr::format_number(token.number);
    case TokenKind::null:
    case TokenKind::string:
    case TokenKind::sequence:
    case TokenKind::mapping:
    case TokenKind::expression:
    case TokenKind::insert:
      break;
  }
  return token.text;
}

bool matches_text(const Definition& definition, const std::string& text) {
  if (definition.shape == Shape::allowed_values) {
    return std::find(definition.allowed.begin(), definition.allowed.end(), text) !=
           definition.allowed.end();
  }
  if (definition.shape != Shape::string) return false;
  if (!definition.constant.empty()) return text == definition.constant;
  return !definition.non_empty || !text.empty();
}

bool matches(const Definition& definition, const Token& token) {
  switch (token.kind) {
    case TokenKind::null:
      return definition.shape == Shape::null;
    case TokenKind::boolean:
      return definition.shape == Shape::boolean;
    case TokenKind::number:
      return definition.shape == Shape::number;
    case TokenKind::string:
      return matches_text(definition, token.text);
    case TokenKind::sequence:
    case TokenKind::mapping:
    case TokenKind::expression:
    case TokenKind::insert:
      break;
  }
  return false;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  constexpr std::size_t kLongest = 100;
  if (word.size() > kLongest) return "";
  const std::string nearest = closest_match(word, candidates);
  return nearest.empty() ? "" : "did you mean '" + nearest + "'?";
}

// "expected one of a, b" for constants, "expected a number" for types.
std::string expectation(const Definition& definition, std::string_view given) {
  std::vector<std::string> words;
  std::vector<std::string> kinds;
  for (const Definition* one : definition.alternatives) {
    if (one->shape == Shape::allowed_values) {
      words.insert(words.end(), one->allowed.begin(), one->allowed.end());
    } else if (!one->constant.empty()) {
      words.push_back(one->constant);
    } else if (one->shape == Shape::string) {
      kinds.emplace_back(one->non_empty ? "a string that is not empty" : "a string");
    } else if (one->shape == Shape::null) {
      kinds.emplace_back("nothing");
    } else if (one->shape != Shape::one_of) {
      constexpr std::string_view kNames[] = {"", "true or false", "a number", "",
                                             "", "a sequence",    "a mapping"};
      kinds.emplace_back(kNames[static_cast<std::size_t>(one->shape)]);
    }
  }
  if (std::string near = did_you_mean(given, words); !near.empty()) return near;
  if (!words.empty()) kinds.push_back("one of " + join(words, ", "));
  return kinds.empty() ? "" : "expected " + join(kinds, " or ");
}

// The keys of one mapping so far, in lower case. Few keys, the rule, cost no table.
class SeenKeys {
 public:
  bool add(std::string key) {
    if (contains(key)) return false;
    if (few_.size() < kFew) {
      few_.push_back(std::move(key));
    } else {
      many_.insert(std::move(key));
    }
    return true;
  }
  bool contains(const std::string& key) const {
    return std::find(few_.begin(), few_.end(), key) != few_.end() || many_.contains(key);
  }

 private:
  static constexpr std::size_t kFew = 16;
  std::vector<std::string> few_;
  std::unordered_set<std::string> many_;
};

class Reader {
 public:
  explicit Reader(const Schema& schema) : any_(schema.definition("any")) {}

  ReadResult run(const yaml::Node& node, const Definition& definition) {
    result_.token = read(node, definition, definition.contexts);
    return std::move(result_);
  }

 private:
  // Past the limit nothing is added, so that nothing need be worked out either.
  bool is_full() const { return result_.diagnostics.size() >= kMaxDiagnostics; }

  void error(yaml::Position position, std::string message, std::string hint = "",
             std::string kind = "schema") {
    if (is_full()) return;
    result_.diagnostics.push_back(
        {position, yaml::Severity::error, std::move(message), std::move(hint), std::move(kind)});
  }

  // `contexts`: allowed where the value stands, the definition's own included.
  Token read(const yaml::Node& node, const Definition& definition, ContextMask contexts) {
    if (node.is_scalar()) {
      Token token = read_scalar(node, contexts);
      validate(token, definition, contexts);
      result_.bytes += bytes_of(token);
      return token;
    }
    Token token = token_at(node);
    result_.bytes += bytes_of(token);
    if (node.kind == yaml::NodeKind::sequence) {
      read_sequence(node, definition, contexts, token);
    } else {
      read_mapping(node, definition, contexts, token);
    }
    return token;
  }

  Token read_nested(const yaml::Node& node, const Definition& definition, ContextMask contexts) {
    return read(node, definition, contexts | definition.contexts);
  }

  void read_sequence(const yaml::Node& node, const Definition& definition, ContextMask contexts,
                     Token& token) {
    const auto found =
        std::find_if(definition.alternatives.begin(), definition.alternatives.end(),
                     [](const Definition* one) { return one->shape == Shape::sequence; });
    if (found == definition.alternatives.end()) {
      return error(node.position, "A sequence was not expected", expectation(definition, ""));
    }
    token.items.reserve(node.items.size());
    for (const yaml::Node& item : node.items) {
      token.items.push_back(read_nested(item, *(*found)->item, contexts));
    }
  }

  void read_mapping(const yaml::Node& node, const Definition& definition, ContextMask contexts,
                    Token& token) {
    Definitions candidates;
    for (const Definition* one : definition.alternatives) {
      if (one->shape == Shape::mapping) candidates.push_back(one);
    }
    if (candidates.empty()) {
      return error(node.position, "A mapping was not expected", expectation(definition, ""));
    }
    SeenKeys seen;
    bool has_expression_key = false;
    token.entries.reserve(node.entries.size());
    for (const auto& [key_node, value_node] : node.entries) {
      Token key = read_scalar(key_node, contexts);
      if (key.is_expression() || key.kind == TokenKind::insert) {
        has_expression_key = true;
        read_expression_entry(std::move(key), value_node, candidates, contexts, token);
        continue;
      }
      key.text = literal_text(key);
      key.kind = TokenKind::string;
      if (!seen.add(to_lower(key.text))) {
        error(key.position, "'" + key.text + "' is already defined",
              "keys are compared ignoring case");
        continue;
      }
      read_entry(std::move(key), value_node, candidates, contexts, token);
    }
    if (candidates.size() > 1) return undetermined(node, candidates);
    if (!has_expression_key) require(node, *candidates.front(), seen);
  }

  void read_expression_entry(Token key, const yaml::Node& value, const Definitions& candidates,
                             ContextMask contexts, Token& token) {
    if (contexts == 0) return error(key.position, kNotAllowed, "", "expression");
    const Definition& mapping = *candidates.front();
    const bool all_loose = candidates.size() == 1 && mapping.properties.empty();
    result_.bytes += bytes_of(key);
    // What is inserted has the shape of the mapping around it, which only the value will show.
    const bool any = !all_loose || key.kind == TokenKind::insert;
    Token read = any ? read_nested(value, any_, contexts)
                     : read_nested(value, *mapping.loose_value, contexts);
    token.entries.push_back({std::move(key), std::move(read)});
  }

  void read_entry(Token key, const yaml::Node& value, Definitions& candidates, ContextMask contexts,
                  Token& token) {
    const Definition* wanted = match_key(candidates, key.text);
    const Definition& mapping = *candidates.front();
    if (wanted == nullptr && mapping.loose_key != nullptr) {
      validate(key, *mapping.loose_key, contexts);
      wanted = mapping.loose_value;
    }
    if (wanted == nullptr) return unexpected_key(key, candidates);
    result_.bytes += bytes_of(key);
    Token read = read_nested(value, *wanted, contexts);
    token.entries.push_back({std::move(key), std::move(read)});
  }

  // Definition of the key's value in the first candidate that has it; those without drop out.
  static const Definition* match_key(Definitions& candidates, const std::string& key) {
    const Definition* wanted = nullptr;
    for (const Definition* one : candidates) {
      const Property* property = one->find(key);
      if (property != nullptr && wanted == nullptr) wanted = property->definition;
    }
    if (wanted != nullptr) {
      std::erase_if(candidates, [&](const Definition* one) { return one->find(key) == nullptr; });
    }
    return wanted;
  }

  void unexpected_key(const Token& key, const Definitions& candidates) {
    if (is_full()) return;
    std::vector<std::string> names;
    for (const Definition* one : candidates) {
      for (const Property& property : one->properties)
        names.push_back(property.name);
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    std::string hint = did_you_mean(key.text, names);
    if (hint.empty()) hint = "expected one of " + join(names, ", ");
    error(key.position, "Unexpected value '" + key.text + "'", std::move(hint));
  }

  // Several kinds of mapping are still possible: names what would decide.
  void undetermined(const yaml::Node& node, const Definitions& candidates) {
    if (is_full()) return;
    std::map<std::string, int> count;
    for (const Definition* one : candidates) {
      for (const Property& property : one->properties)
        ++count[property.name];
    }
    std::vector<std::string> deciding;
    for (const auto& [name, times] : count) {
      if (times == 1) deciding.push_back(name);
    }
    error(node.position,
          "There's not enough info to determine what you meant. Add one of these properties: " +
              join(deciding, ", "));
  }

  void require(const yaml::Node& node, const Definition& mapping, const SeenKeys& seen) {
    for (const Property& property : mapping.properties) {
      if (!property.required || seen.contains(to_lower(property.name))) continue;
      error(node.position, "Required property is missing: " + property.name);
    }
  }

  Token read_scalar(const yaml::Node& node, ContextMask contexts) {
    Token token = token_at(node);
    if (token.kind != TokenKind::string || !expr::has_expression(token.text)) return token;
    auto scalar = expr::parse_scalar(token.text, scope_of(contexts));
    if (!scalar) {
      for (expr::ParseError& problem : scalar.error()) {
        expression_error(token.position, std::move(problem.message), contexts);
      }
      return token;  // GitHub goes on with the raw text
    }
    token.text = std::move(scalar->text);
    if (scalar->kind == expr::Scalar::Kind::insert) token.kind = TokenKind::insert;
    if (scalar->kind == expr::Scalar::Kind::expression) {
      token.kind = TokenKind::expression;
      token.expression = std::make_shared<const expr::Expression>(std::move(scalar->expression));
    }
    return token;
  }

  void expression_error(yaml::Position position, std::string message, ContextMask contexts) {
    std::string hint;
    if (message.starts_with("Unrecognized named-value") ||
        message.starts_with("Unrecognized function")) {
      hint = contexts == 0 ? "no expression is allowed here"
                           : "allowed here: " + describe_contexts(contexts);
    }
    error(position, std::move(message), std::move(hint), "expression");
  }

  // A literal that fits as it is, or as text where text is wanted.
  void validate(Token& token, const Definition& definition, ContextMask contexts) {
    if (token.is_expression()) {
      if (contexts == 0) error(token.position, kNotAllowed, "", "expression");
      return;
    }
    const auto fits = [&](const Definition* one) { return matches(*one, token); };
    const auto& wanted = definition.alternatives;
    if (token.kind != TokenKind::insert) {
      if (std::any_of(wanted.begin(), wanted.end(), fits)) return;
      token.text = literal_text(token);
      token.kind = TokenKind::string;
      if (std::any_of(wanted.begin(), wanted.end(), fits)) return;
    }
    if (is_full()) return;
    error(token.position, "Unexpected value '" + token.text + "'",
          expectation(definition, token.text));
  }

  static constexpr const char* kNotAllowed = "A template expression is not allowed in this context";
  const Definition& any_;
  ReadResult result_;
};

}  // namespace

ReadResult read_tokens(const yaml::Node& node, const Schema& schema, std::string_view definition) {
  return Reader(schema).run(node, schema.definition(definition));
}

}  // namespace gantry::core::workflow
