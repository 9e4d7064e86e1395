// SPDX-License-Identifier: MIT
// Workflow commands: lines a step prints to talk to the runner, `::name key=value::data` and the
// older `##[name key=value;]data`. Parsing only; what a command does is the runner's business.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gantry::core::run {

struct Command {
  std::string name;                                             // as written; compare ignoring case
  std::vector<std::pair<std::string, std::string>> properties;  // non-empty ones, unescaped
  std::string data;                                             // unescaped

  bool is(std::string_view lower_case_name) const;
  std::string_view property(std::string_view key) const;  // ignoring case; "" when absent
};

// One line without its line end; nullopt: plain output. A command the runner does not know is plain
// output, unless it is `resume_token`. Cheap for lines that hold no command. `::name::` must be
// first after white space, `##[name]` may stand anywhere.
std::optional<Command> parse_command(std::string_view line, std::string_view resume_token = {});

// Each syntax on its own, with any name.
std::optional<Command> parse_command_v1(std::string_view line);
std::optional<Command> parse_command_v2(std::string_view line);

// Ignoring case.
bool is_known_command(std::string_view name);

// Follows `::stop-commands::token` … `::token::` through a step's output.
class CommandSwitch {
 public:
  bool stopped() const { return !token_.empty(); }
  const std::string& token() const { return token_; }  // for parse_command
  void stop(std::string token) { token_ = std::move(token); }
  // While stopped: true when the command is the one that resumes, and commands are on again.
  bool resumes(const Command& command);

 private:
  std::string token_;
};

// Why `token` may not stop commands: empty, pause-logging or the name of a command, which a
// program's output could contain by chance. nullopt: it may.
std::optional<std::string> refuse_stop_token(std::string_view token);

}  // namespace gantry::core::run
