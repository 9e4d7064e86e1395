// SPDX-License-Identifier: MIT
// Reads mappings of the config strictly: every key asked for is known, every other one is a
// diagnostic with the closest match. Used by config.cpp alone.
#pragma once

#include "core/yaml/node.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::core::config {

namespace fs = std::filesystem;

struct ReadState {
  std::vector<yaml::Diagnostic> diagnostics;
  fs::path base;

  void error(yaml::Position position, std::string message, std::string hint = {});
};

// One mapping. Ask for every key, then finish().
class Section {
 public:
  // `name` is for messages: "github", or "" for the file. A null node is an empty mapping.
  Section(ReadState& state, const yaml::Node* node, std::string name);

  void text(std::string_view key, std::string& into);
  void path(std::string_view key, fs::path& into);
  void path(std::string_view key, std::optional<fs::path>& into);
  void paths(std::string_view key, std::vector<fs::path>& into);
  void texts(std::string_view key, std::vector<std::string>& into);
  void number(std::string_view key, std::int64_t& into, std::int64_t least, std::int64_t most);
  void size(std::string_view key, std::uint64_t& into);  // 512M, 2G, 0
  void yes_no(std::string_view key, bool& into);
  // The word's index in `words`.
  void word(std::string_view key, const std::vector<std::string>& words, std::size_t& into);
  void section(std::string_view key, const std::function<void(Section&)>& read);
  void sections(std::string_view key, const std::function<void(Section&)>& read);

  // Where to put an error about a key; the mapping's own position when it is absent.
  yaml::Position position_of(std::string_view key) const;
  ReadState& state() { return state_; }
  void finish();  // unknown and repeated keys

 private:
  const yaml::Node* take(std::string_view key);
  std::string full(std::string_view key) const;
  void expected(const yaml::Node& node, std::string_view key, std::string_view what);
  std::optional<std::string> scalar(const yaml::Node& node, std::string_view key);

  ReadState& state_;
  const yaml::Node* node_;
  std::string name_;
  std::vector<std::string> known_;
};

}  // namespace gantry::core::config
