// SPDX-License-Identifier: MIT
#include "core/expr/interpolate.hpp"

#include "core/base/text.hpp"
#include "core/expr/unicode.hpp"

#include <algorithm>
#include <optional>

namespace gantry::core::expr {
namespace {

constexpr std::string_view kOpen = "${{";

// Where the `}}` that closes the expression at `start` begins.
std::size_t find_close(std::string_view scalar, std::size_t start) {
  bool in_string = false;
  for (std::size_t i = start; i + 1 < scalar.size(); ++i) {
    if (scalar[i] == '\'') in_string = !in_string;  // '' toggles twice
    if (!in_string && scalar[i] == '}' && scalar[i + 1] == '}') return i;
  }
  return std::string_view::npos;
}

// The text of an expression that is nothing but one string literal.
std::optional<std::string> single_string(const Expression& expression) {
  const Node* root = expression.root();
  if (root->kind != NodeKind::literal || root->value.kind() != Kind::string) return std::nullopt;
  if (expression.text().front() != '\'') return std::nullopt;  // a group around it
  return root->value.string();
}

std::string format_text(std::string_view text) {
  return replace_all(replace_all(replace_all(text, "'", "''"), "{", "{{"), "}", "}}");
}

enum class Directive { none, insert };
Parsed<Directive> find_directive(std::string_view expression) {
  constexpr std::string_view kInsert = "insert";
  if (!expression.starts_with(kInsert)) return Directive::none;
  const std::string_view rest = expression.substr(kInsert.size());
  if (rest.empty()) return Directive::insert;
  if (!is_white_space(first_code_point(rest).value)) return Directive::none;
  return tl::unexpected(
      ParseError{"Exactly 0 parameter(s) were expected following the directive 'insert'. Actual "
                 "parameter count was: 1",
                 0});
}

class ScalarParser {
 public:
  ScalarParser(std::string_view scalar, const Scope& scope) : scalar_(scalar), scope_(scope) {}

  tl::expected<Scalar, std::vector<ParseError>> run() {
    if (!has_expression(scalar_)) return Scalar{Scalar::Kind::text, std::string(scalar_), {}};
    const auto segments = split_segments(scalar_);
    if (!segments) return tl::unexpected(std::vector{segments.error()});
    for (const Segment& segment : *segments) {
      if (segment.kind == Segment::Kind::text) {
        add_text(segment.text);
      } else {
        add_expression(trim_white_space(segment.text), segments->size());
      }
    }
    if (!errors_.empty()) return tl::unexpected(std::move(errors_));
    if (segments->size() == 1) return std::move(only_);
    return combine();
  }

 private:
  void add_text(std::string_view text) { format_ += format_text(text); }

  void add_expression(std::string_view text, std::size_t segments) {
    if (text.empty()) {
      errors_.push_back({"An expression was expected", 0});
      return;
    }
    const auto directive = find_directive(text);
    if (!directive) {
      errors_.push_back(directive.error());
    } else if (*directive == Directive::insert) {
      only_ = Scalar{Scalar::Kind::insert, std::string(text), {}};
      if (segments > 1) {
        errors_.push_back(
            {"The directive 'insert' is not allowed in this context. Directives are "
             "not supported for expressions that are embedded within a string. "
             "Directives are only supported when the entire value is an expression.",
             0});
      }
    } else {
      parse_one(text);
    }
  }

  void parse_one(std::string_view text) {
    auto parsed = parse(text, scope_);
    if (!parsed) {
      errors_.push_back(std::move(parsed.error()));
      return;
    }
    format_ += "{" + std::to_string(count_++) + "}";
    arguments_ += ", " + std::string(text);
    if (auto literal = single_string(*parsed)) {
      only_ = Scalar{Scalar::Kind::text, std::move(*literal), {}};
    } else {
      only_ = Scalar{Scalar::Kind::expression, std::string(text), std::move(*parsed)};
    }
  }

  tl::expected<Scalar, std::vector<ParseError>> combine() {
    std::string text = "format('" + format_ + "'" + arguments_ + ")";
    auto parsed = parse(text, scope_);
    if (!parsed) return tl::unexpected(std::vector{std::move(parsed.error())});
    return Scalar{Scalar::Kind::expression, std::move(text), std::move(*parsed)};
  }

  std::string_view scalar_;
  const Scope& scope_;
  std::string format_;
  std::string arguments_;
  std::size_t count_ = 0;
  Scalar only_;  // when there is one segment
  std::vector<ParseError> errors_;
};

}  // namespace

bool has_expression(std::string_view scalar) {
  return scalar.find(kOpen) != std::string_view::npos;
}

Parsed<std::vector<Segment>> split_segments(std::string_view scalar) {
  std::vector<Segment> segments;
  std::size_t at = 0;
  while (at < scalar.size()) {
    const std::size_t open = std::min(scalar.find(kOpen, at), scalar.size());
    if (open > at) segments.push_back({Segment::Kind::text, scalar.substr(at, open - at), at});
    if (open == scalar.size()) break;
    const std::size_t start = open + kOpen.size();
    const std::size_t close = find_close(scalar, start);
    if (close == std::string_view::npos) {
      return tl::unexpected(
          ParseError{"The expression is not closed. An unescaped ${{ sequence was found, but the "
                     "closing }} sequence was not found.",
                     0});
    }
    segments.push_back({Segment::Kind::expression, scalar.substr(start, close - start), start});
    at = close + 2;
  }
  return segments;
}

tl::expected<Scalar, std::vector<ParseError>> parse_scalar(std::string_view scalar,
                                                           const Scope& scope) {
  return ScalarParser(scalar, scope).run();
}

tl::expected<Expression, std::vector<ParseError>> parse_condition(std::string_view scalar,
                                                                  const Scope& scope) {
  auto parsed = parse_scalar(scalar, scope);
  if (!parsed) return tl::unexpected(std::move(parsed.error()));
  std::string condition = std::move(parsed->text);
  auto expression = parse(condition, scope);
  if (expression && expression->empty()) {
    expression = parse("success()", scope);
  } else if (expression && !calls_status_function(*expression->root())) {
    expression = parse("success() && (" + condition + ")", scope);
  }
  if (!expression) return tl::unexpected(std::vector{std::move(expression.error())});
  return std::move(*expression);
}

}  // namespace gantry::core::expr
