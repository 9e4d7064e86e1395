// SPDX-License-Identifier: MIT
#include "core/run/commands.hpp"

#include "core/base/text.hpp"
#include "core/expr/unicode.hpp"

#include <algorithm>
#include <array>

namespace gantry::core::run {
namespace {

constexpr std::array<std::string_view, 14> kKnown{
    "add-mask", "add-matcher", "add-path",       "debug",      "echo",    "endgroup",   "error",
    "group",    "notice",      "remove-matcher", "save-state", "set-env", "set-output", "warning"};
constexpr std::string_view kStop = "stop-commands";

struct Escape {
  std::string_view code;
  char byte;
};
constexpr Escape kDataV2[] = {{"%0D", '\r'}, {"%0A", '\n'}, {"%25", '%'}};
constexpr Escape kPropertyV2[] = {
    {"%0D", '\r'}, {"%0A", '\n'}, {"%3A", ':'}, {"%2C", ','}, {"%25", '%'}};
constexpr Escape kV1[] = {{"%3B", ';'}, {"%0D", '\r'}, {"%0A", '\n'}, {"%5D", ']'}, {"%25", '%'}};

template <std::size_t N>
std::string unescape(std::string_view text, const Escape (&escapes)[N]) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto* found = std::find_if(std::begin(escapes), std::end(escapes), [&](const Escape& e) {
      return text[i] == '%' && text.substr(i, 3) == e.code;
    });
    const bool hit = found != std::end(escapes);
    out += hit ? found->byte : text[i];
    if (hit) i += 2;
  }
  return out;
}

std::string_view trim_front(std::string_view text) {
  while (!text.empty()) {
    const auto c = expr::first_code_point(text);
    if (!expr::is_white_space(c.value)) break;
    text.remove_prefix(c.bytes);
  }
  return text;
}

void set_property(Command& command, std::string_view key, std::string value) {
  for (auto& [name, old] : command.properties) {
    if (equals_ignoring_case(name, key)) {
      old = std::move(value);
      return;
    }
  }
  command.properties.emplace_back(key, std::move(value));
}

// `name key=value<separator>key=value`; an empty key or value is left out, as are `=` too many.
template <std::size_t N>
Command read_info(std::string_view info, char separator, const Escape (&escapes)[N]) {
  Command command;
  const std::size_t space = std::min(info.find(' '), info.size());
  command.name = info.substr(0, space);
  if (space == 0 || space == info.size()) return command;
  for (std::string_view part : split(info.substr(space + 1), separator)) {
    part.remove_prefix(std::min(part.find_first_not_of('='), part.size()));
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos) continue;
    const std::size_t start = part.find_first_not_of('=', equals);
    if (start == std::string_view::npos) continue;
    set_property(command, part.substr(0, equals), unescape(part.substr(start), escapes));
  }
  return command;
}

}  // namespace

bool Command::is(std::string_view lower_case_name) const {
  return equals_ignoring_case(name, lower_case_name);
}

std::string_view Command::property(std::string_view key) const {
  for (const auto& [name_of, value] : properties) {
    if (equals_ignoring_case(name_of, key)) return value;
  }
  return {};
}

bool is_known_command(std::string_view name) {
  return equals_ignoring_case(name, kStop) ||
         std::any_of(kKnown.begin(), kKnown.end(),
                     [&](std::string_view known) { return equals_ignoring_case(known, name); });
}

std::optional<Command> parse_command_v2(std::string_view line) {
  line = trim_front(line);
  if (!line.starts_with("::")) return std::nullopt;
  const std::size_t end = line.find("::", 2);
  if (end == std::string_view::npos) return std::nullopt;
  std::string_view info = line.substr(2, end - 2);
  info = info.substr(0, info.find_last_not_of(" \t") + 1);
  Command command = read_info(info, ',', kPropertyV2);
  command.data = unescape(line.substr(end + 2), kDataV2);
  return command;
}

std::optional<Command> parse_command_v1(std::string_view line) {
  const std::size_t start = line.find("##[");
  if (start == std::string_view::npos) return std::nullopt;
  const std::size_t end = line.find(']', start);
  if (end == std::string_view::npos) return std::nullopt;
  Command command = read_info(line.substr(start + 3, end - start - 3), ';', kV1);
  command.data = unescape(line.substr(end + 1), kV1);
  return command;
}

std::optional<Command> parse_command(std::string_view line, std::string_view resume_token) {
  const auto counts = [&](const std::optional<Command>& command) {
    return command &&
           (is_known_command(command->name) ||
            (!resume_token.empty() && equals_ignoring_case(command->name, resume_token)));
  };
  auto command = parse_command_v2(line);
  if (!counts(command)) command = parse_command_v1(line);
  if (!counts(command)) command.reset();
  return command;
}

bool CommandSwitch::resumes(const Command& command) {
  if (!stopped() || !equals_ignoring_case(command.name, token_)) return false;
  token_.clear();
  return true;
}

std::optional<std::string> refuse_stop_token(std::string_view token) {
  if (!trim(token).empty() && token != "pause-logging" && !is_known_command(token)) {
    return std::nullopt;
  }
  return "You cannot use a endToken that is an empty string, the string 'pause-logging', or "
         "another "
         "workflow command.";
}

}  // namespace gantry::core::run
