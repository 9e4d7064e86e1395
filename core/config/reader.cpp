// SPDX-License-Identifier: MIT
#include "core/config/reader.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace gantry::core::config {
namespace {

using yaml::Node;
using yaml::NodeKind;

std::string in_quotes(std::string_view text) {
  return "'" + std::string(text) + "'";
}

fs::path resolved(const fs::path& base, const std::string& text) {
  const fs::path path(text);
  return path.is_absolute() || text.empty() ? path : base / path;
}

// "512M" → bytes.
std::optional<std::uint64_t> parse_size(std::string_view text) {
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc()) return std::nullopt;
  const std::string_view unit(parsed.ptr,
                              static_cast<std::size_t>(text.data() + text.size() - parsed.ptr));
  int shift = -1;
  if (unit.empty()) shift = 0;
  if (unit == "K") shift = 10;
  if (unit == "M") shift = 20;
  if (unit == "G") shift = 30;
  if (unit == "T") shift = 40;
  if (shift < 0 || number > (std::uint64_t{1} << 60U >> static_cast<unsigned>(shift))) {
    return std::nullopt;
  }
  return number << static_cast<unsigned>(shift);
}

}  // namespace

void ReadState::error(yaml::Position position, std::string message, std::string hint) {
  yaml::Diagnostic diagnostic;
  diagnostic.position = position;
  diagnostic.message = std::move(message);
  diagnostic.hint = std::move(hint);
  diagnostic.kind = "config";
  diagnostics.push_back(std::move(diagnostic));
}

Section::Section(ReadState& state, const Node* node, std::string name)
    : state_(state), node_(node), name_(std::move(name)) {
  if (node_ != nullptr && node_->kind == NodeKind::null) node_ = nullptr;
  if (node_ != nullptr && node_->kind != NodeKind::mapping) {
    state_.error(node_->position, (name_.empty() ? "the file" : in_quotes(name_)) +
                                      " must be a mapping of keys to values");
    node_ = nullptr;
  }
}

std::string Section::full(std::string_view key) const {
  return name_.empty() ? std::string(key) : name_ + "." + std::string(key);
}

const Node* Section::take(std::string_view key) {
  known_.emplace_back(key);
  const Node* found = node_ == nullptr ? nullptr : node_->find(key);
  return found == nullptr || found->kind == NodeKind::null ? nullptr : found;
}

yaml::Position Section::position_of(std::string_view key) const {
  if (node_ == nullptr) return {1, 1};
  const Node* found = node_->find(key);
  return found == nullptr ? node_->position : found->position;
}

void Section::expected(const Node& node, std::string_view key, std::string_view what) {
  state_.error(node.position, in_quotes(full(key)) + " must be " + std::string(what));
}

std::optional<std::string> Section::scalar(const Node& node, std::string_view key) {
  if (node.is_scalar() && node.kind != NodeKind::null) return node.text;
  expected(node, key, "text");
  return std::nullopt;
}

void Section::text(std::string_view key, std::string& into) {
  const Node* node = take(key);
  if (node == nullptr) return;
  if (auto value = scalar(*node, key)) into = std::move(*value);
}

void Section::path(std::string_view key, fs::path& into) {
  const Node* node = take(key);
  if (node == nullptr) return;
  if (const auto value = scalar(*node, key)) into = resolved(state_.base, *value);
}

void Section::path(std::string_view key, std::optional<fs::path>& into) {
  fs::path value;
  path(key, value);
  if (!value.empty()) into = value;
}

void Section::texts(std::string_view key, std::vector<std::string>& into) {
  const Node* node = take(key);
  if (node == nullptr) return;
  std::vector<std::string> values;
  if (node->is_scalar()) {
    values.push_back(node->text);
  } else if (node->kind == NodeKind::sequence) {
    for (const Node& item : node->items) {
      if (auto value = scalar(item, key)) values.push_back(std::move(*value));
    }
  } else {
    expected(*node, key, "a list");
    return;
  }
  into = std::move(values);
}

void Section::paths(std::string_view key, std::vector<fs::path>& into) {
  std::vector<std::string> values;
  for (const fs::path& path : into)
    values.push_back(path.string());
  texts(key, values);
  into.clear();
  for (const std::string& value : values)
    into.push_back(resolved(state_.base, value));
}

void Section::number(std::string_view key, std::int64_t& into, std::int64_t least,
                     std::int64_t most) {
  const Node* node = take(key);
  if (node == nullptr) return;
  const bool whole = node->kind == NodeKind::number && std::floor(node->number) == node->number;
  if (!whole || node->number < static_cast<double>(least) ||
      node->number > static_cast<double>(most)) {
    expected(*node, key,
             "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return;
  }
  into = static_cast<std::int64_t>(node->number);
}

void Section::size(std::string_view key, std::uint64_t& into) {
  const Node* node = take(key);
  if (node == nullptr) return;
  const auto parsed = node->is_scalar() ? parse_size(node->text) : std::nullopt;
  if (!parsed) {
    expected(*node, key, "a size: bytes, or a number with K, M, G or T (512M)");
    return;
  }
  into = *parsed;
}

void Section::yes_no(std::string_view key, bool& into) {
  const Node* node = take(key);
  if (node == nullptr) return;
  if (node->kind != NodeKind::boolean) {
    expected(*node, key, "true or false");
    return;
  }
  into = node->boolean;
}

void Section::word(std::string_view key, const std::vector<std::string>& words, std::size_t& into) {
  const Node* node = take(key);
  if (node == nullptr) return;
  const auto found = std::find(words.begin(), words.end(), node->text);
  if (!node->is_scalar() || found == words.end()) {
    const std::string near = core::closest_match(node->text, words);
    state_.error(node->position,
                 in_quotes(full(key)) + " must be one of " + core::join(words, ", "),
                 near.empty() ? "" : "did you mean " + in_quotes(near) + "?");
    return;
  }
  into = static_cast<std::size_t>(found - words.begin());
}

void Section::section(std::string_view key, const std::function<void(Section&)>& read) {
  Section inner(state_, take(key), full(key));
  read(inner);
  inner.finish();
}

void Section::sections(std::string_view key, const std::function<void(Section&)>& read) {
  const Node* node = take(key);
  if (node == nullptr) return;
  if (node->kind != NodeKind::sequence) {
    expected(*node, key, "a list");
    return;
  }
  for (const Node& item : node->items) {
    Section inner(state_, &item, full(key));
    read(inner);
    inner.finish();
  }
}

void Section::finish() {
  if (node_ == nullptr) return;
  std::vector<std::string> seen;
  for (const auto& [key, value] : node_->entries) {
    if (std::find(seen.begin(), seen.end(), key.text) != seen.end()) {
      state_.error(key.position, in_quotes(full(key.text)) + " is given twice");
    } else if (std::find(known_.begin(), known_.end(), key.text) == known_.end()) {
      const std::string near = core::closest_match(key.text, known_);
      state_.error(key.position, "unknown key " + in_quotes(full(key.text)),
                   near.empty() ? "expected one of " + core::join(known_, ", ")
                                : "did you mean " + in_quotes(near) + "?");
    }
    seen.push_back(key.text);
  }
}

}  // namespace gantry::core::config
