// SPDX-License-Identifier: MIT
#include "core/expr/parser.hpp"

#include "core/base/text.hpp"
#include "core/expr/lexer.hpp"
#include "core/expr/unicode.hpp"

#include <algorithm>
#include <array>
#include <iterator>

namespace gantry::core::expr {
namespace {

struct BuiltIn {
  FunctionRule rule;
  Function function;
};
constexpr std::array<BuiltIn, 8> kBuiltIns{{
    {{"contains", 2, 2}, Function::contains},
    {{"startsWith", 2, 2}, Function::starts_with},
    {{"endsWith", 2, 2}, Function::ends_with},
    {{"format", 1, 255}, Function::format},
    {{"join", 1, 2}, Function::join},
    {{"toJSON", 1, 1}, Function::to_json},
    {{"fromJSON", 1, 1}, Function::from_json},
    {{"case", 3, 255}, Function::select},
}};

struct FoundFunction {
  FunctionRule rule;
  Function function;
};

std::optional<FoundFunction> find_function(std::string_view name, const Scope& scope) {
  for (const BuiltIn& built_in : kBuiltIns) {
    if (equals_ignoring_case(built_in.rule.name, name)) {
      return FoundFunction{built_in.rule, built_in.function};
    }
  }
  for (const FunctionRule& rule : scope.functions) {
    if (equals_ignoring_case(rule.name, name)) return FoundFunction{rule, Function::external};
  }
  return std::nullopt;
}

bool is_operator(TokenKind kind) {
  return kind <= TokenKind::dereference || kind == TokenKind::logical_operator;
}

NodeKind logical_kind(std::string_view raw) {
  if (raw == "!") return NodeKind::negation;
  if (raw == "&&") return NodeKind::conjunction;
  if (raw == "||") return NodeKind::disjunction;
  if (raw == "==") return NodeKind::equal;
  if (raw == "!=") return NodeKind::not_equal;
  if (raw == "<") return NodeKind::less;
  if (raw == "<=") return NodeKind::less_or_equal;
  return raw == ">" ? NodeKind::greater : NodeKind::greater_or_equal;
}

int precedence(const Token& token) {
  if (token.kind == TokenKind::dereference || token.kind == TokenKind::start_index) return 7;
  if (token.kind != TokenKind::logical_operator) return 0;
  switch (logical_kind(token.raw)) {
    case NodeKind::negation:
      return 6;
    case NodeKind::less:
    case NodeKind::less_or_equal:
    case NodeKind::greater:
    case NodeKind::greater_or_equal:
      return 5;
    case NodeKind::equal:
    case NodeKind::not_equal:
      return 4;
    case NodeKind::conjunction:
      return 3;
    case NodeKind::disjunction:
      return 2;
    case NodeKind::literal:
    case NodeKind::named_value:
    case NodeKind::wildcard:
    case NodeKind::index:
    case NodeKind::call:
      break;
  }
  return 0;
}

// Shunting-yard with explicit stacks: the text can nest 10,000 deep before the depth is refused.
class Parser {
 public:
  Parser(std::string_view text, const Scope& scope) : text_(text), scope_(scope), lexer_(text) {}

  Parsed<Expression> run() {
    if (utf16_length(text_) > kMaxExpressionLength) {
      return fail_whole("Exceeded max expression length " + std::to_string(kMaxExpressionLength));
    }
    while (auto token = lexer_.next()) {
      if (token->kind == TokenKind::unexpected) {
        refuse("Unexpected symbol", *token);
      } else if (is_operator(token->kind)) {
        push_operator(*token);
      } else {
        push_operand(*token);
      }
      if (error_) return tl::unexpected(std::move(*error_));
      last_ = std::move(*token);
    }
    if (!last_) return Expression();
    const bool ends_open = is_operator(last_->kind) && !is_closing(last_->kind);
    if (ends_open || lexer_.has_open_bracket()) {
      refuse("Unexpected end of expression", *last_);
      return tl::unexpected(std::move(*error_));
    }
    while (!operators_.empty())
      apply_top();
    if (operands_.back().depth > kMaxExpressionDepth) {
      return fail_whole("Exceeded max expression depth " + std::to_string(kMaxExpressionDepth));
    }
    return Expression(std::string(text_), std::move(operands_.back().node));
  }

 private:
  struct Operand {
    Node node;
    std::size_t depth = 1;
    FunctionRule rule = {};  // of a call that is still open
  };

  static bool is_closing(TokenKind kind) {
    return kind >= TokenKind::end_group && kind <= TokenKind::end_parameters;
  }

  static Parsed<Expression> fail_whole(std::string message) {
    return tl::unexpected(ParseError{std::move(message), 0});
  }

  void refuse(std::string_view what, std::string_view symbol, std::size_t at) {
    error_ =
        ParseError{std::string(what) + ": '" + std::string(symbol) + "'. Located at position " +
                       std::to_string(at) + " within expression: " + std::string(text_),
                   at};
  }
  void refuse(std::string_view what, const Token& token) {
    refuse(what, token.raw, token.position);
  }

  void push_operand(Token& token) {
    Operand operand;
    Node& node = operand.node;
    node.position = token.position;
    if (token.kind == TokenKind::function) {
      const auto found = find_function(token.raw, scope_);
      if (!found) return refuse("Unrecognized function", token);
      node.kind = NodeKind::call;
      node.function = found->function;
      node.name = token.raw;
      operand.rule = found->rule;
    } else if (token.kind == TokenKind::named_value) {
      const bool known =
          std::any_of(scope_.named_values.begin(), scope_.named_values.end(),
                      [&](std::string_view name) { return equals_ignoring_case(name, token.raw); });
      if (!known) return refuse("Unrecognized named-value", token);
      node.kind = NodeKind::named_value;
      node.name = token.raw;
    } else if (token.kind == TokenKind::wildcard) {
      node.kind = NodeKind::wildcard;
    } else {
      node.value = token.kind == TokenKind::property_name ? Value(token.raw) : token.value;
    }
    operands_.push_back(std::move(operand));
  }

  void push_operator(const Token& token) {
    const bool binds_left = token.kind != TokenKind::start_group &&
                            token.kind != TokenKind::start_parameters && token.raw != "!";
    while (binds_left && !operators_.empty() && !holds(operators_.back()) &&
           precedence(token) <= precedence(operators_.back())) {
      apply_top();
    }
    if (token.kind == TokenKind::end_group) {
      operators_.pop_back();
    } else if (token.kind == TokenKind::end_index) {
      close_index();
    } else if (token.kind == TokenKind::end_parameters) {
      close_call();
    } else {
      operators_.push_back(token);
    }
  }

  // What stays on the stack until its closing bracket.
  static bool holds(const Token& token) {
    return token.kind <= TokenKind::start_parameters || token.kind == TokenKind::separator;
  }

  void close_index() {
    const Token open = operators_.back();
    operators_.pop_back();
    build(NodeKind::index, open, 2);
  }

  void close_call() {
    std::size_t arguments = last_->kind == TokenKind::start_parameters ? 0 : 1;
    while (operators_.back().kind == TokenKind::separator) {
      ++arguments;
      operators_.pop_back();
    }
    operators_.pop_back();
    Operand& call = operands_[operands_.size() - arguments - 1];
    check_arity(call, arguments);
    if (error_) return;
    std::vector<Operand> given = pop_operands(arguments);
    for (Operand& operand : given)
      adopt(operands_.back(), std::move(operand));
  }

  void check_arity(const Operand& call, std::size_t arguments) {
    const int count = static_cast<int>(arguments);
    const Node& node = call.node;
    if (count < call.rule.min_arguments) {
      refuse("Too few parameters supplied", node.name, node.position);
    } else if (count > call.rule.max_arguments) {
      refuse("Too many parameters supplied", node.name, node.position);
    } else if (node.function == Function::select && count % 2 == 0) {
      refuse("Even number of parameters supplied, requires an odd number of parameters", node.name,
             node.position);
    }
  }

  void apply_top() {
    const Token token = operators_.back();
    operators_.pop_back();
    if (token.kind == TokenKind::dereference) return build(NodeKind::index, token, 2);
    const NodeKind kind = logical_kind(token.raw);
    build(kind, token, kind == NodeKind::negation ? 1 : 2);
  }

  void build(NodeKind kind, const Token& token, std::size_t count) {
    std::vector<Operand> children = pop_operands(count);
    Operand parent;
    parent.node.kind = kind;
    parent.node.position = token.position;
    const bool chains = kind == NodeKind::conjunction || kind == NodeKind::disjunction;
    for (Operand& child : children) {
      if (chains && child.node.kind == kind) {  // a && b && c is one node of three
        parent.depth = std::max(parent.depth, child.depth);
        std::move(child.node.children.begin(), child.node.children.end(),
                  std::back_inserter(parent.node.children));
      } else {
        adopt(parent, std::move(child));
      }
    }
    operands_.push_back(std::move(parent));
  }

  // Below the greatest depth the subtree is dropped: the expression is refused in the end, and no
  // tree is ever too deep to be destroyed.
  static void adopt(Operand& parent, Operand child) {
    parent.depth = std::max(parent.depth, child.depth + 1);
    if (child.depth < kMaxExpressionDepth) {
      parent.node.children.push_back(std::move(child.node));
    }
  }

  std::vector<Operand> pop_operands(std::size_t count) {
    const auto first = operands_.end() - static_cast<std::ptrdiff_t>(count);
    std::vector<Operand> popped(std::make_move_iterator(first),
                                std::make_move_iterator(operands_.end()));
    operands_.erase(first, operands_.end());
    return popped;
  }

  std::string_view text_;
  const Scope& scope_;
  Lexer lexer_;
  std::vector<Operand> operands_;
  std::vector<Token> operators_;
  std::optional<Token> last_;
  std::optional<ParseError> error_;
};

}  // namespace

Parsed<Expression> parse(std::string_view text, const Scope& scope) {
  return Parser(text, scope).run();
}

bool calls_status_function(const Node& node) {
  if (node.kind == NodeKind::call) {
    for (const std::string_view name : {"success", "failure", "cancelled", "always"}) {
      if (equals_ignoring_case(node.name, name)) return true;
    }
  }
  return std::any_of(node.children.begin(), node.children.end(), calls_status_function);
}

}  // namespace gantry::core::expr
