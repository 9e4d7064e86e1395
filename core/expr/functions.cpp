// SPDX-License-Identifier: MIT
// The functions of the language. Which arguments are evaluated, and when, is part of the language:
// case() stops at the first true predicate, format() reads its text before any argument.
#include "core/base/text.hpp"
#include "core/expr/evaluation.hpp"
#include "core/expr/lenient_json.hpp"
#include "core/expr/unicode.hpp"

#include <charconv>
#include <optional>

namespace gantry::core::expr {
namespace {

bool is_primitive(const Value& value) {
  return value.kind() < Kind::array;
}

// The text of one result under construction, with the memory its pieces take.
class TextBuilder {
 public:
  explicit TextBuilder(std::size_t limit) : limit_(limit) {}
  bool append(std::string_view piece) {
    bytes_ += memory_of_text(piece);
    if (bytes_ > limit_) return false;
    text_ += piece;
    return true;
  }
  Outcome finish() { return Outcome{Value(std::move(text_))}; }

 private:
  std::size_t limit_;
  std::size_t bytes_ = 0;
  std::string text_;
};

class Call {
 public:
  Call(Evaluation& evaluation, const Node& node, std::size_t level)
      : evaluation_(evaluation), node_(node), level_(level) {}

  std::size_t count() const { return node_.children.size(); }
  const Node& node() const { return node_; }
  Evaluation& evaluation() const { return evaluation_; }
  Result<Outcome> outcome(std::size_t i) const {
    return evaluation_.evaluate(node_.children[i], level_ + 1);
  }
  Result<Value> value(std::size_t i) const {
    TRY(Outcome result, outcome(i));
    return std::move(result.value);
  }
  TextBuilder text() const { return TextBuilder(evaluation_.limit_bytes()); }

 private:
  Evaluation& evaluation_;
  const Node& node_;
  std::size_t level_;
};

Result<Outcome> contains(const Call& call) {
  TRY(const Value where, call.value(0));
  if (is_primitive(where)) {
    TRY(const Value what, call.value(1));
    return Outcome{is_primitive(what) &&
                   contains_ignoring_case(where.to_string(), what.to_string())};
  }
  if (where.kind() == Kind::object || where.array().empty()) return Outcome{Value(false)};
  TRY(const Value what, call.value(1));
  for (const Value& item : where.array()) {
    if (loosely_equal(what, item)) return Outcome{Value(true)};
  }
  return Outcome{Value(false)};
}

Result<Outcome> affix(const Call& call, bool (*test)(std::string_view, std::string_view)) {
  TRY(const Value text, call.value(0));
  if (!is_primitive(text)) return Outcome{Value(false)};
  TRY(const Value part, call.value(1));
  return Outcome{is_primitive(part) && test(text.to_string(), part.to_string())};
}

Result<Outcome> join(const Call& call) {
  TRY(const Value items, call.value(0));
  if (is_primitive(items)) return Outcome{Value(items.to_string())};
  if (items.kind() == Kind::object || items.array().empty()) return Outcome{Value("")};
  std::string separator = ",";
  if (items.array().size() > 1 && call.count() > 1) {
    TRY(const Value given, call.value(1));
    if (is_primitive(given)) separator = given.to_string();
  }
  TextBuilder text = call.text();
  bool first = true;
  for (const Value& item : items.array()) {
    if ((!first && !text.append(separator)) || !text.append(item.to_string())) {
      return fail(memory_error(call.node()));
    }
    first = false;
  }
  return text.finish();
}

// A format text cut into pieces: plain text, or the number of an argument.
struct Piece {
  std::string_view text;
  std::optional<std::size_t> argument = {};
  std::string specifiers = {};
};

// `{number}` or `{number:specifiers}` at the front of `rest`; nullopt when it is neither.
struct Placeholder {
  Piece piece;
  std::size_t bytes = 0;
};
std::optional<Placeholder> read_placeholder(std::string_view rest) {
  std::uint8_t number = 0;  // an argument beyond 255 cannot be named
  const char* last = rest.data() + rest.size();
  const auto [end, error] = std::from_chars(rest.data() + 1, last, number);
  if (error != std::errc()) return std::nullopt;
  Placeholder found{{{}, number}, static_cast<std::size_t>(end - rest.data())};
  const auto at = [&](std::size_t i) { return i < rest.size() ? rest[i] : '\0'; };
  std::size_t& i = found.bytes;
  if (at(i) != '}') {
    if (at(i) != ':') return std::nullopt;
    for (++i; at(i) != '}' || at(i + 1) == '}'; ++i) {
      if (i >= rest.size()) return std::nullopt;
      found.piece.specifiers += rest[i];
      if (rest[i] == '}') ++i;
    }
  }
  ++i;
  return found;
}

Result<std::vector<Piece>> split_format(std::string_view format, std::size_t arguments) {
  std::vector<Piece> pieces;
  const auto invalid = [&] {
    return fail(Errc::invalid, "The following format string is invalid: " + std::string(format));
  };
  for (std::size_t at = 0; at < format.size();) {
    const std::size_t brace = format.find_first_of("{}", at);
    if (brace == std::string_view::npos) {
      pieces.push_back({format.substr(at)});
      break;
    }
    if (brace + 1 < format.size() && format[brace + 1] == format[brace]) {
      pieces.push_back({format.substr(at, brace - at + 1)});
      at = brace + 2;
      continue;
    }
    if (format[brace] == '}') return invalid();
    auto found = read_placeholder(format.substr(brace));
    if (!found) return invalid();
    if (*found->piece.argument >= arguments) {
      return fail(Errc::invalid,
                  "The following format string references more arguments than were supplied: " +
                      std::string(format));
    }
    if (brace > at) pieces.push_back({format.substr(at, brace - at)});
    pieces.push_back(std::move(found->piece));
    at = brace + found->bytes;
  }
  return pieces;
}

std::string_view kind_name(Kind kind) {
  switch (kind) {
    case Kind::null:
      return "Null";
    case Kind::boolean:
      return "Boolean";
    case Kind::number:
      return "Number";
    case Kind::string:
      return "String";
    case Kind::array:
      return "Array";
    case Kind::object:
      return "Object";
  }
  return "";
}

Result<Outcome> format(const Call& call) {
  TRY(const Value pattern, call.value(0));
  const std::string pattern_text = pattern.to_string();
  TRY(const auto pieces, split_format(pattern_text, call.count() - 1));
  std::vector<std::optional<Value>> arguments(call.count() - 1);
  TextBuilder text = call.text();
  for (const Piece& piece : pieces) {
    bool fits = true;
    if (!piece.argument) {
      fits = text.append(piece.text);
    } else {
      auto& argument = arguments[*piece.argument];
      if (!argument) {
        TRY(argument, call.value(*piece.argument + 1));
      }
      if (!piece.specifiers.empty()) {
        return fail(Errc::invalid, "The format specifiers '" + piece.specifiers +
                                       "' are not valid for objects of type '" +
                                       std::string(kind_name(argument->kind())) + "'");
      }
      fits = text.append(argument->to_string());
    }
    if (!fits) return fail(memory_error(call.node()));
  }
  return text.finish();
}

// How many pieces toJSON() writes: each is charged by itself.
std::size_t json_pieces(const Value& value) {
  if (is_primitive(value)) return 1;
  std::size_t count = 2;
  if (value.kind() == Kind::array) {
    if (value.array().empty()) return 1;
    for (const Value& item : value.array())
      count += json_pieces(item);
  } else {
    if (value.object().size() == 0) return 1;
    for (const auto& [key, item] : value.object().entries())
      count += 1 + json_pieces(item);
  }
  return count;
}

Result<Outcome> to_json_text(const Call& call) {
  TRY(const Value value, call.value(0));
  std::size_t bytes = (json_pieces(value) - 1) * memory_of_text("");
  if (bytes > call.evaluation().limit_bytes()) return fail(memory_error(call.node()));
  std::string text = to_json(value, JsonStyle::indented);
  bytes += memory_of_text(text);
  if (bytes > call.evaluation().limit_bytes()) return fail(memory_error(call.node()));
  return Outcome{Value(std::move(text))};
}

Result<Outcome> from_json_text(const Call& call) {
  TRY(const Value text, call.value(0));
  TRY(Value value, parse_lenient_json(text.to_string()));
  return Outcome{std::move(value), false, true};
}

Result<Outcome> select(const Call& call) {
  const std::size_t fallback = call.count() - 1;
  std::size_t chosen = fallback;
  for (std::size_t i = 0; i < fallback && chosen == fallback; i += 2) {
    TRY(const Value predicate, call.value(i));
    if (predicate.kind() != Kind::boolean) {
      return fail(Errc::invalid, "case predicate must evaluate to a boolean value");
    }
    if (predicate.boolean()) chosen = i + 1;
  }
  TRY(Outcome outcome, call.outcome(chosen));
  outcome.from_data = false;
  return outcome;
}

Result<Outcome> call_external(const Call& call) {
  std::vector<Value> arguments;
  for (std::size_t i = 0; i < call.count(); ++i) {
    TRY(Value argument, call.value(i));
    arguments.push_back(std::move(argument));
  }
  const auto& function = call.evaluation().environment().call;
  if (!function) {
    return fail(Errc::internal, "calling '" + call.node().name + "': not available here");
  }
  TRY(Value value, function(to_lower(call.node().name), arguments));
  return Outcome{std::move(value)};
}

}  // namespace

Result<Outcome> call_function(Evaluation& evaluation, const Node& node, std::size_t level) {
  const Call call(evaluation, node, level);
  switch (node.function) {
    case Function::contains:
      return contains(call);
    case Function::starts_with:
      return affix(call, starts_with_ignoring_case);
    case Function::ends_with:
      return affix(call, ends_with_ignoring_case);
    case Function::format:
      return format(call);
    case Function::join:
      return join(call);
    case Function::to_json:
      return to_json_text(call);
    case Function::from_json:
      return from_json_text(call);
    case Function::select:
      return select(call);
    case Function::external:
      break;
  }
  return call_external(call);
}

}  // namespace gantry::core::expr
