// SPDX-License-Identifier: MIT
#include "daemon/cli/print.hpp"

#include "core/base/text.hpp"
#include "core/base/time.hpp"

#include <nlohmann/json.hpp>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace gantry::daemon::cli {
namespace {

using namespace std::chrono;

bool use_colours() {
  static const bool on = stdout_is_terminal() && std::getenv("NO_COLOR") == nullptr;
  return on;
}

std::string_view code(Colour colour) {
  switch (colour) {
    case Colour::none:
      return "";
    case Colour::red:
      return "\x1b[31m";
    case Colour::green:
      return "\x1b[32m";
    case Colour::yellow:
      return "\x1b[33m";
    case Colour::blue:
      return "\x1b[34m";
    case Colour::grey:
      return "\x1b[90m";
    case Colour::bold:
      return "\x1b[1m";
  }
  return "";
}

// Code points outside escape sequences.
std::size_t width(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\x1b') {
      while (i < text.size() && text[i] != 'm')
        ++i;
      continue;
    }
    if ((static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80U) ++count;
  }
  return count;
}

// Length of the colour sequence (ESC [ digits ; m) at the front of `text`, 0 if there is none.
std::size_t colour_sequence(std::string_view text) {
  if (!text.starts_with("\x1b[")) return 0;
  std::size_t end = 2;
  while (end < text.size() && (text[end] == ';' || (text[end] >= '0' && text[end] <= '9')))
    ++end;
  return end < text.size() && text[end] == 'm' ? end + 1 : 0;
}

// Moves the front of `text`, a byte or a C1 control character, to `out`; controls as ^X.
void add_visible(std::string_view& text, std::string& out) {
  const auto byte = static_cast<unsigned char>(text.front());
  const auto next = text.size() > 1 ? static_cast<unsigned char>(text[1]) : 0U;
  const bool is_c1 = byte == 0xC2 && next >= 0x80 && next < 0xA0;
  if (is_c1) {
    out += "^[";
    out += static_cast<char>(next - 0x40U);
  } else if (byte < 0x20 || byte == 0x7F) {
    out += '^';
    out += static_cast<char>(byte ^ 0x40U);
  } else {
    out += text.front();
  }
  text.remove_prefix(is_c1 ? 2 : 1);
}

}  // namespace

bool stdout_is_terminal() {
  return ::isatty(STDOUT_FILENO) == 1;
}

std::string paint(Colour colour, std::string_view text) {
  if (!use_colours() || colour == Colour::none) return std::string(text);
  return std::string(code(colour)) + std::string(text) + "\x1b[0m";
}

std::string mark(std::string_view status, std::string_view conclusion) {
  if (status == "in_progress") return paint(Colour::yellow, "*");
  if (status != "completed") return paint(Colour::grey, "·");
  if (conclusion == "success") return paint(Colour::green, "✓");
  if (conclusion == "skipped" || conclusion == "neutral") return paint(Colour::grey, "-");
  if (conclusion == "cancelled") return paint(Colour::grey, "!");
  return paint(Colour::red, "X");
}

std::string text(const nlohmann::json& object, std::string_view key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return "";
  return for_terminal(found->is_string() ? found->get<std::string>() : found->dump());
}

std::string name_text(const nlohmann::json& object, std::string_view key) {
  const std::string raw = text(object, key);
  std::string safe;
  for (std::string_view rest = raw; !rest.empty();)
    add_visible(rest, safe);
  return safe;
}

std::string duration(const std::string& from, const std::string& to) {
  const auto start = core::parse_iso8601(from);
  if (!start) return "";
  const auto parsed = core::parse_iso8601(to);
  const core::Timestamp end = parsed ? *parsed : core::SystemClock().now();
  const auto millis = std::max(milliseconds(0), end - *start);
  const auto s = duration_cast<seconds>(millis).count();
  char buffer[32];
  if (s < 10) {
    std::snprintf(buffer, sizeof buffer, "%.1fs", static_cast<double>(millis.count()) / 1000.0);
  } else if (s < 60) {
    std::snprintf(buffer, sizeof buffer, "%llds", static_cast<long long>(s));
  } else if (s < 3600) {
    std::snprintf(buffer, sizeof buffer, "%lldm%llds", static_cast<long long>(s / 60),
                  static_cast<long long>(s % 60));
  } else {
    std::snprintf(buffer, sizeof buffer, "%lldh%lldm", static_cast<long long>(s / 3600),
                  static_cast<long long>(s % 3600 / 60));
  }
  return buffer;
}

std::string age(const std::string& time) {
  const auto then = core::parse_iso8601(time);
  if (!then) return "";
  const auto s = duration_cast<seconds>(core::SystemClock().now() - *then).count();
  const auto say = [](long long count, const char* unit) {
    return std::to_string(count) + " " + unit + (count == 1 ? " ago" : "s ago");
  };
  if (s < 60) return say(std::max<long long>(s, 0), "second");
  if (s < 3600) return say(s / 60, "minute");
  if (s < 86400) return say(s / 3600, "hour");
  return say(s / 86400, "day");
}

void print_table(const std::vector<std::string>& head,
                 const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const std::string& cell : head)
    widths.push_back(width(cell));
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], width(row[i]));
  }
  const auto print_row = [&](const std::vector<std::string>& row, Colour colour) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += paint(colour, row[i]);
      if (i + 1 < row.size()) line += std::string(widths[i] - width(row[i]) + 2, ' ');
    }
    while (line.ends_with(' '))
      line.pop_back();
    std::puts(line.c_str());
  };
  if (!head.empty()) print_row(head, Colour::grey);
  for (const auto& row : rows)
    print_row(row, Colour::none);
}

std::string for_terminal(std::string_view line) {
  return stdout_is_terminal() ? without_control(line) : std::string(line);
}

std::string without_control(std::string_view text) {
  const std::string valid = core::to_valid_utf8(text);
  std::string_view line = valid;
  std::string safe;
  safe.reserve(line.size());
  while (!line.empty()) {
    if (const std::size_t colour = colour_sequence(line); colour > 0) {
      safe += line.substr(0, colour);
      line.remove_prefix(colour);
    } else if (line.front() == '\t' || line.front() == '\n') {
      safe += line.front();
      line.remove_prefix(1);
    } else if (line.front() == '\r') {
      line.remove_prefix(1);
    } else {
      add_visible(line, safe);
    }
  }
  return safe;
}

}  // namespace gantry::daemon::cli
