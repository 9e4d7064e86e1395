// SPDX-License-Identifier: MIT
#include "daemon/runner/shells.hpp"

#include "core/base/text.hpp"

#include <array>

namespace gantry::daemon::runner {
namespace {

struct KnownShell {
  std::string_view name;
  std::string_view arguments;
  std::string_view extension;
  std::string_view before;
  std::string_view after;
};

constexpr std::string_view kStopOnError = "$ErrorActionPreference = 'stop'\n";
constexpr std::string_view kPassExitCode =
    "\nif ((Test-Path -LiteralPath variable:\\LASTEXITCODE)) { exit $LASTEXITCODE }";

constexpr std::array<KnownShell, 5> kShells = {{
    {"bash", "--noprofile --norc -e -o pipefail {0}", ".sh", "", ""},
    {"sh", "-e {0}", ".sh", "", ""},
    {"python", "{0}", ".py", "", ""},
    {"pwsh", "-command \". '{0}'\"", ".ps1", kStopOnError, kPassExitCode},
    {"powershell", "-command \". '{0}'\"", ".ps1", kStopOnError, kPassExitCode},
}};

const KnownShell* find_known(std::string_view name) {
  for (const KnownShell& shell : kShells) {
    if (core::equals_ignoring_case(shell.name, name)) return &shell;
  }
  return nullptr;
}

// Words separated by blanks; double quotes keep blanks together, \" is a quote.
std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool started = false;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\' && i + 1 < text.size() && text[i + 1] == '"') {
      word.push_back(text[++i]);
      started = true;
    } else if (c == '"') {
      quoted = !quoted;
      started = true;
    } else if ((c == ' ' || c == '\t') && !quoted) {
      if (started) words.push_back(std::move(word));
      word.clear();
      started = false;
    } else {
      word.push_back(c);
      started = true;
    }
  }
  if (started) words.push_back(std::move(word));
  return words;
}

ShellCommand build(std::string_view program, std::string_view arguments, const FindProgram& find,
                   const KnownShell* known) {
  ShellCommand command;
  // A program that is not there is left to the sandbox, whose PATH may have grown by GITHUB_PATH.
  const std::string path = find(program);
  command.arguments = split_words(arguments);
  command.arguments.insert(command.arguments.begin(), path.empty() ? std::string(program) : path);
  command.shown = command.arguments.front() + ' ' + std::string(arguments);
  if (known != nullptr) {
    command.extension = known->extension;
    command.before = known->before;
    command.after = known->after;
  }
  return command;
}

}  // namespace

std::vector<std::string> ShellCommand::argv(const std::string& script_path) const {
  std::vector<std::string> argv;
  for (const std::string& argument : arguments) {
    argv.push_back(core::replace_all(argument, "{0}", script_path));
  }
  return argv;
}

core::Result<ShellCommand> shell_command(std::string_view shell, const FindProgram& find) {
  shell = core::trim(shell);
  if (shell.empty()) {
    const bool has_bash = !find("bash").empty();
    const KnownShell* known = find_known(has_bash ? "bash" : "sh");
    return build(known->name, "-e {0}", find, known);
  }
  if (core::equals_ignoring_case(shell, "cmd")) {
    return core::fail(core::Errc::invalid,
                      "choosing shell 'cmd': it exists on Windows only; use bash, sh, python, pwsh "
                      "or a command with {0}");
  }
  const std::size_t blank = shell.find(' ');
  if (blank == std::string_view::npos) {
    if (const KnownShell* known = find_known(shell)) {
      return build(known->name, known->arguments, find, known);
    }
  }
  const std::string_view program = shell.substr(0, blank);
  const std::string_view arguments =
      blank == std::string_view::npos ? std::string_view() : core::trim(shell.substr(blank));
  if (arguments.find("{0}") == std::string_view::npos) {
    return core::fail(core::Errc::invalid,
                      "choosing shell '" + std::string(shell) +
                          "': Invalid shell option. Shell must be a valid built-in (bash, sh, "
                          "python, pwsh) or a format string containing '{0}'");
  }
  ShellCommand command = build(program, arguments, find, nullptr);
  if (const KnownShell* known = find_known(program)) command.extension = known->extension;
  return command;
}

}  // namespace gantry::daemon::runner
