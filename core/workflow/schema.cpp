// SPDX-License-Identifier: MIT
#include "core/workflow/schema.hpp"

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/workflow/schema_text.hpp"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <mutex>
#include <set>

namespace gantry::core::workflow {
namespace {

struct ContextName {
  std::string_view name;
  ContextMask bit;
};

constexpr ContextMask kRun = 7, kMatrix = 63, kRunner = 2047;
constexpr ContextMask kJobs = 1U << 11U, kJobStatus = 1U << 12U, kStepStatus = 1U << 13U,
                      kHashFiles = 1U << 14U;
constexpr std::string_view kContexts[] = {"github",   "inputs", "vars",    "needs",
                                          "strategy", "matrix", "secrets", "steps",
                                          "job",      "runner", "env",     "jobs"};
constexpr ContextName kGroups[] = {{"$run", kRun},
                                   {"$matrix", kMatrix},
                                   {"$runner", kRunner},
                                   {"jobStatus", kJobStatus},
                                   {"stepStatus", kStepStatus},
                                   {"hashFiles", kHashFiles}};

// Scope holds views, so what it views has to stay.
struct StoredScope {
  std::vector<std::string_view> names;
  std::vector<expr::FunctionRule> functions;
  expr::Scope scope;
};

void fill(StoredScope& stored, ContextMask contexts) {
  for (std::size_t i = 0; i < std::size(kContexts); ++i) {
    if ((contexts >> i & 1U) != 0) stored.names.push_back(kContexts[i]);
  }
  const int most = (contexts & kJobStatus) != 0 ? expr::kAnyNumber : 0;
  if ((contexts & (kJobStatus | kStepStatus)) != 0) {
    stored.functions = {
        {"always", 0, 0}, {"cancelled", 0, 0}, {"failure", 0, most}, {"success", 0, most}};
  }
  if ((contexts & kHashFiles) != 0) stored.functions.push_back({"hashFiles", 1, 255});
  stored.scope = {stored.names, stored.functions};
}

[[noreturn]] void broken(std::string_view why) {
  throw Exception(Errc::internal, "reading the workflow grammar: " + std::string(why));
}

// Words, quoted constants ('x' keeps its quote in front) and single characters.
std::vector<std::string_view> tokens_of(std::string_view text) {
  std::vector<std::string_view> tokens;
  const auto is_word = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '$';
  };
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i + 1;
    if (std::isspace(static_cast<unsigned char>(text[i])) != 0) {
      i = end;
      continue;
    }
    if (text[i] == '#') {
      i = std::min(text.find('\n', i), text.size());
      continue;
    }
    if (text[i] == '\'') {
      end = text.find('\'', end);
      tokens.push_back(text.substr(i, end - i));
      i = end + 1;
      continue;
    }
    if (is_word(text[i])) {
      while (end < text.size() && is_word(text[end]))
        ++end;
    }
    tokens.push_back(text.substr(i, end - i));
    i = end;
  }
  return tokens;
}

}  // namespace

class SchemaReader {
 public:
  SchemaReader(Schema& schema, std::string_view text) : schema_(schema), tokens_(tokens_of(text)) {
    for (const auto& [name, shape] : kBuiltIn) {
      Definition& definition = get(name);
      definition.shape = shape;
      defined_.insert(&definition);
    }
    get("text").non_empty = true;
  }

  void run() {
    while (at_ < tokens_.size()) {
      // A later definition of a name takes the place of an earlier one.
      Definition& definition = get(take());
      definition.contexts = 0;
      definition.alternatives.clear();
      while (accept("@"))
        definition.contexts |= context_bit(take());
      expect("=");
      read_alternatives(definition);
    }
    for (auto& [name, definition] : schema_.definitions_) {
      if (!defined_.contains(&definition)) {
        broken("'" + name + "' is not defined");
      }
      flatten(definition);
    }
  }

 private:
  static constexpr std::pair<std::string_view, Shape> kBuiltIn[] = {
      {"null", Shape::null},     {"boolean", Shape::boolean}, {"number", Shape::number},
      {"string", Shape::string}, {"text", Shape::string},
  };

  Definition& get(std::string_view name) {
    Definition& definition = schema_.definitions_[std::string(name)];
    definition.name = name;
    return definition;
  }

  std::string_view peek() const { return at_ < tokens_.size() ? tokens_[at_] : ""; }
  std::string_view take() {
    if (at_ >= tokens_.size()) broken("it ends too early");
    return tokens_[at_++];
  }
  bool accept(std::string_view token) {
    if (peek() != token) return false;
    ++at_;
    return true;
  }
  void expect(std::string_view token) {
    if (!accept(token)) {
      broken("expected '" + std::string(token) + "' before '" + std::string(peek()) + "'");
    }
  }

  // type | type …: a named definition is always a choice, often of one.
  void read_alternatives(Definition& into) {
    defined_.insert(&into);
    into.shape = Shape::one_of;
    do {
      into.alternatives.push_back(&read_type());
    } while (accept("|"));
  }

  std::string_view peek_second() const { return at_ + 1 < tokens_.size() ? tokens_[at_ + 1] : ""; }
  bool is_reference() const {
    const std::string_view token = peek();
    return token != "[" && token != "{" && !token.starts_with('\'') &&
           !(token == "in" && peek_second() == "(");
  }

  Definition& anonymous() {
    Definition& definition = get("#" + std::to_string(++anonymous_));
    defined_.insert(&definition);
    return definition;
  }

  Definition& read_type() {
    if (is_reference()) return get(take());
    Definition& definition = anonymous();
    read_into(definition);
    return definition;
  }

  // A property's or an item's type, which may be a choice.
  const Definition* read_nested() {
    if (is_reference() && peek_second() != "|") return &get(take());
    Definition& definition = anonymous();
    read_alternatives(definition);
    return &definition;
  }

  void read_into(Definition& into) {
    const std::string_view token = take();
    if (token.starts_with('\'')) {
      into.shape = Shape::string;
      into.constant = token.substr(1);
    } else if (token == "in") {
      into.shape = Shape::allowed_values;
      expect("(");
      while (!accept(")"))
        into.allowed.emplace_back(take());
    } else if (token == "[") {
      into.shape = Shape::sequence;
      into.item = read_nested();
      expect("]");
    } else if (token == "{") {
      into.shape = Shape::mapping;
      while (!accept("}"))
        read_property(into);
    } else {
      broken("unexpected '" + std::string(token) + "'");
    }
  }

  void read_property(Definition& into) {
    if (accept("*")) {
      into.loose_key = &get(accept("*") ? "string" : "text");
      expect(":");
      into.loose_value = read_nested();
    } else {
      Property property;
      property.name = take();
      property.required = accept("!");
      expect(":");
      property.definition = read_nested();
      into.properties.push_back(std::move(property));
    }
    accept(",");
  }

  static void flatten(Definition& definition) {
    std::vector<const Definition*> flat;
    collect(definition, flat);
    definition.alternatives = std::move(flat);
  }
  static void collect(const Definition& definition, std::vector<const Definition*>& flat) {
    if (definition.shape != Shape::one_of) return flat.push_back(&definition);
    for (const Definition* alternative : definition.alternatives)
      collect(*alternative, flat);
  }

  Schema& schema_;
  std::vector<std::string_view> tokens_;
  std::size_t at_ = 0;
  int anonymous_ = 0;
  std::set<const Definition*> defined_;
};

const Property* Definition::find(std::string_view key) const {
  for (const Property& property : properties) {
    if (property.name == key) return &property;
  }
  return nullptr;
}

Schema::Schema(std::string_view text) {
  SchemaReader(*this, text).run();
}

const Schema& Schema::workflow() {
  static const Schema schema(std::string(kWorkflowGrammar) + std::string(kTriggerGrammar));
  return schema;
}

const Schema& Schema::action() {
  static const Schema schema{kActionGrammar};
  return schema;
}

const Schema& Schema::without_background_steps() {
  static const Schema schema(std::string(kWorkflowGrammar) + std::string(kTriggerGrammar) +
                             "step = run-step | action-step | parallel-step");
  return schema;
}

const Definition& Schema::definition(std::string_view name) const {
  const auto found = definitions_.find(std::string(name));
  if (found == definitions_.end()) broken("there is no '" + std::string(name) + "'");
  return found->second;
}

const expr::Scope& scope_of(ContextMask contexts) {
  static std::mutex mutex;
  static std::unordered_map<ContextMask, StoredScope> scopes;
  const std::lock_guard lock(mutex);
  const auto [found, added] = scopes.try_emplace(contexts);
  if (added) fill(found->second, contexts);
  return found->second.scope;
}

std::string describe_contexts(ContextMask contexts) {
  std::vector<std::string> names;
  const expr::Scope& scope = scope_of(contexts);
  for (const std::string_view name : scope.named_values)
    names.emplace_back(name);
  for (const expr::FunctionRule& function : scope.functions)
    names.push_back(std::string(function.name) + "()");
  return join(names, ", ");
}

ContextMask context_bit(std::string_view name) {
  for (const ContextName& group : kGroups) {
    if (group.name == name) return group.bit;
  }
  for (std::size_t i = 0; i < std::size(kContexts); ++i) {
    if (kContexts[i] == name) return ContextMask{1} << i;
  }
  return 0;
}

}  // namespace gantry::core::workflow
