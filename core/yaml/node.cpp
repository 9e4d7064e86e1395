// SPDX-License-Identifier: MIT
#include "core/yaml/node.hpp"

#include "core/yaml/scalar.hpp"
#include "core/yaml/text_check.hpp"

#include <yaml.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace gantry::core::yaml {
namespace {

Position position_of(const yaml_mark_t& mark) {
  return {static_cast<int>(mark.line) + 1, static_cast<int>(mark.column) + 1};
}

ScalarStyle style_of(yaml_scalar_style_t style) {
  switch (style) {
    case YAML_SINGLE_QUOTED_SCALAR_STYLE:
      return ScalarStyle::single_quoted;
    case YAML_DOUBLE_QUOTED_SCALAR_STYLE:
      return ScalarStyle::double_quoted;
    case YAML_LITERAL_SCALAR_STYLE:
      return ScalarStyle::literal;
    case YAML_FOLDED_SCALAR_STYLE:
      return ScalarStyle::folded;
    case YAML_ANY_SCALAR_STYLE:
    case YAML_PLAIN_SCALAR_STYLE:
      break;
  }
  return ScalarStyle::plain;
}

std::string text_of(const yaml_char_t* text) {
  return text == nullptr ? "" : reinterpret_cast<const char*>(text);
}

class Event {
 public:
  Event() = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { yaml_event_delete(&event_); }
  bool next(yaml_parser_t& parser) {
    yaml_event_delete(&event_);
    return yaml_parser_parse(&parser, &event_) == 1;
  }
  const yaml_event_t* operator->() const { return &event_; }

 private:
  yaml_event_t event_{};
};

// One pass over the events. Stops (failed_) at the first thing that leaves no tree to go on with.
class Builder {
 public:
  Builder(std::string_view text, const Limits& limits) : limits_(limits) {
    yaml_parser_initialize(&parser_);
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                 text.size());
  }
  Builder(const Builder&) = delete;
  Builder& operator=(const Builder&) = delete;
  ~Builder() { yaml_parser_delete(&parser_); }

  Document run() {
    Node root;
    next();  // the stream's start
    next();
    if (!failed_ && event_->type != YAML_STREAM_END_EVENT) {
      next();
      build(root, 0);
      next();
      next();
      if (!failed_ && event_->type != YAML_STREAM_END_EVENT) {
        fail(position_of(event_->start_mark), "A workflow file holds one YAML document only",
             "remove what follows '---'", "syntax");
      }
    } else {
      root.position = {1, 1};
    }
    if (!failed_) document_.root = std::move(root);
    return std::move(document_);
  }

 private:
  // What a part of the tree costs.
  struct Size {
    std::size_t events = 0;
    std::size_t bytes = 0;
  };

  struct Anchor {
    Node node;
    Size size;
    std::size_t depth = 0;
    bool complete = false;
  };

  void fail(Position position, std::string message, std::string hint, std::string kind) {
    if (failed_) return;
    failed_ = true;
    document_.diagnostics.push_back(
        {position, Severity::error, std::move(message), std::move(hint), std::move(kind)});
  }

  void next() {
    if (!failed_ && !event_.next(parser_)) syntax_error();
  }

  void syntax_error() {
    std::string message = text_of(reinterpret_cast<const yaml_char_t*>(parser_.problem));
    std::string hint;
    if (message.find("cannot start any token") != std::string::npos) {
      hint = "a tab cannot indent, and text that starts with @ or ` needs quotes";
    } else if (message.find("mapping values are not allowed") != std::string::npos) {
      hint = "quote a value that holds ': ', and check the indentation of the line";
    } else if (message.find("did not find expected key") != std::string::npos) {
      hint = "check the indentation: keys of one mapping start in one column";
    }
    if (parser_.context != nullptr) {
      message += std::string(" ") + parser_.context + " (line " +
                 std::to_string(parser_.context_mark.line + 1) + ")";
    }
    fail(position_of(parser_.problem_mark), "The file is not valid YAML: " + message,
         std::move(hint), "syntax");
  }

  bool add(Size& total, Size more, Position position) {
    total.events += more.events;
    total.bytes += more.bytes;
    if (total.events <= limits_.events && total.bytes <= limits_.text_bytes) return true;
    fail(position, "Maximum YAML nodes exceeded",
         "at most " + std::to_string(limits_.events) + " and " +
             std::to_string(limits_.text_bytes >> 20U) +
             " MiB of text, counting what aliases repeat",
         "limit");
    return false;
  }

  bool enter(std::size_t depth) {
    if (depth <= limits_.depth) return true;
    fail(position_of(event_->start_mark), "Maximum object depth exceeded",
         "at most " + std::to_string(limits_.depth) + " levels", "limit");
    return false;
  }

  // The node that starts with the current event. `depth`: of the collections around it.
  void build(Node& node, std::size_t depth) {
    if (failed_) return;
    node.position = position_of(event_->start_mark);
    deepest_ = std::max(deepest_, depth);
    switch (event_->type) {
      case YAML_ALIAS_EVENT:
        return expand(node, text_of(event_->data.alias.anchor), depth);
      case YAML_SCALAR_EVENT:
        return build_scalar(node);
      case YAML_SEQUENCE_START_EVENT:
      case YAML_MAPPING_START_EVENT:
        return build_collection(node, depth + 1);
      case YAML_NO_EVENT:
      case YAML_STREAM_START_EVENT:
      case YAML_STREAM_END_EVENT:
      case YAML_DOCUMENT_START_EVENT:
      case YAML_DOCUMENT_END_EVENT:
      case YAML_SEQUENCE_END_EVENT:
      case YAML_MAPPING_END_EVENT:
        break;
    }
    fail(node.position, "The file is not valid YAML: a value was expected", "", "syntax");
  }

  void build_scalar(Node& node) {
    const auto& scalar = event_->data.scalar;
    if (!add(used_, {1, scalar.length}, node.position)) return;
    node.text.assign(reinterpret_cast<const char*>(scalar.value), scalar.length);
    node.tag = text_of(scalar.tag);
    node.style = style_of(scalar.style);
    if (std::string problem = resolve_scalar(node); !problem.empty()) {
      document_.diagnostics.push_back({node.position, Severity::error, std::move(problem),
                                       "tags that are read: !!str !!bool !!int !!float !!null",
                                       "syntax"});
    }
    const std::string anchor = text_of(scalar.anchor);
    if (!anchor.empty()) anchors_[anchor] = {node, {1, node.text.size()}, 0, true};
  }

  void build_collection(Node& node, std::size_t depth) {
    if (!enter(depth)) return;
    const Size before = used_;
    if (!add(used_, {2, 0}, node.position)) return;
    const bool is_mapping = event_->type == YAML_MAPPING_START_EVENT;
    const std::string anchor = text_of(is_mapping ? event_->data.mapping_start.anchor
                                                  : event_->data.sequence_start.anchor);
    // Known before it is complete, so that an alias of itself is told from an unknown one.
    if (!anchor.empty()) anchors_[anchor] = {};
    const std::size_t outer_deepest = std::exchange(deepest_, depth);
    if (is_mapping) {
      build_mapping(node, depth);
    } else {
      build_sequence(node, depth);
    }
    if (!anchor.empty() && !failed_) {
      remember(anchor, node, {used_.events - before.events, used_.bytes - before.bytes}, depth);
    }
    deepest_ = std::max(deepest_, outer_deepest);
  }

  // Anchors inside anchors are copied again and again, so the copies have a limit of their own.
  void remember(const std::string& anchor, const Node& node, Size size, std::size_t depth) {
    if (!add(copied_, size, node.position)) return;
    anchors_[anchor] = {node, size, deepest_ - depth + 1, true};
  }

  void build_sequence(Node& node, std::size_t depth) {
    node.kind = NodeKind::sequence;
    for (next(); !failed_ && event_->type != YAML_SEQUENCE_END_EVENT; next()) {
      build(node.items.emplace_back(), depth);
    }
  }

  void build_mapping(Node& node, std::size_t depth) {
    node.kind = NodeKind::mapping;
    for (next(); !failed_ && event_->type != YAML_MAPPING_END_EVENT; next()) {
      auto& [key, value] = node.entries.emplace_back();
      build(key, depth);
      next();
      build(value, depth);
      if (failed_ || key.is_scalar()) continue;
      fail(key.position, "A key has to be a scalar", "", "syntax");
    }
  }

  // Counted before it is copied: a bomb never unfolds.
  void expand(Node& node, const std::string& anchor, std::size_t depth) {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      return fail(node.position, "Unknown anchor '" + anchor + "'", "", "syntax");
    }
    const Anchor& target = found->second;
    if (!target.complete) {
      return fail(node.position, "The alias '" + anchor + "' stands inside its own anchor", "",
                  "syntax");
    }
    if (!add(used_, target.size, node.position) || !enter(depth + target.depth)) return;
    deepest_ = std::max(deepest_, depth + target.depth);
    node = target.node;  // with the positions of the anchor, as GitHub reports them
  }

  const Limits& limits_;
  yaml_parser_t parser_{};
  Event event_;
  Document document_;
  std::unordered_map<std::string, Anchor> anchors_;
  Size used_;
  Size copied_;
  std::size_t deepest_ = 0;
  bool failed_ = false;
};

}  // namespace

const Node* Node::find(std::string_view key) const {
  for (const auto& [name, value] : entries) {
    if (name.text == key) return &value;
  }
  return nullptr;
}

Document parse(std::string_view text, const Limits& limits) {
  if (auto problem = check_text(text, limits)) return {std::nullopt, {std::move(*problem)}};
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  return Builder(text, limits).run();
}

}  // namespace gantry::core::yaml
