// SPDX-License-Identifier: MIT
#include "core/yaml/diagnostic.hpp"

#include "core/base/text.hpp"

#include <algorithm>

namespace gantry::core::yaml {
namespace {

constexpr int kShownColumns = 120;
constexpr int kColumnsBefore = 80;  // kept left of the caret when a line is cut

std::string_view line_of(std::string_view source, int number) {
  for (int line = 1; line < number; ++line) {
    const std::size_t end = source.find('\n');
    if (end == std::string_view::npos) return "";
    source.remove_prefix(end + 1);
  }
  std::string_view line = source.substr(0, source.find('\n'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// Columns a terminal gives a code point: East Asian wide and emoji take two, combining marks none.
int width_of(char32_t code) {
  if ((code >= 0x300 && code <= 0x36F) || code == 0x200B || code == 0x200D ||
      (code >= 0xFE00 && code <= 0xFE0F)) {
    return 0;
  }
  const bool wide = (code >= 0x1100 && code <= 0x115F) || (code >= 0x2E80 && code <= 0xA4CF) ||
                    (code >= 0xAC00 && code <= 0xD7A3) || (code >= 0xF900 && code <= 0xFAFF) ||
                    (code >= 0xFE30 && code <= 0xFE6F) || (code >= 0xFF00 && code <= 0xFF60) ||
                    (code >= 0x1F300 && code <= 0x1FAFF) || (code >= 0x20000 && code <= 0x3FFFD);
  return wide ? 2 : 1;
}

struct Cell {
  std::string text;
  int width = 1;
};

// The line as cells, one for each code point; tabs become one space, what cannot be shown a '?'.
std::vector<Cell> cells_of(std::string_view line) {
  std::vector<Cell> cells;
  const std::string valid = to_valid_utf8(line);
  for (std::size_t i = 0; i < valid.size();) {
    const auto first = static_cast<unsigned char>(valid[i]);
    const std::size_t length = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    char32_t code = length == 1 ? first : first & (0xFFU >> (length + 1));
    for (std::size_t k = 1; k < length; ++k) {
      code = (code << 6U) | (static_cast<unsigned char>(valid[i + k]) & 0x3FU);
    }
    if (code == '\t') {
      cells.push_back({" ", 1});
    } else if (code < 0x20 || (code >= 0x7F && code < 0xA0)) {
      cells.push_back({"?", 1});
    } else {
      cells.push_back({valid.substr(i, length), width_of(code)});
    }
    i += length;
  }
  return cells;
}

// The source line and the caret under the column; "" when there is no such line.
std::string excerpt(Position position, std::string_view source) {
  const std::vector<Cell> cells = cells_of(line_of(source, position.line));
  const int size = static_cast<int>(cells.size());
  if (position.line == 0 || size == 0) return "";
  const int caret = std::clamp(position.column - 1, 0, size);
  const int start = caret > kColumnsBefore ? caret - kColumnsBefore : 0;
  const int end = std::min(size, start + kShownColumns);
  std::string line = start > 0 ? "…" : "";
  int indent = start > 0 ? 1 : 0;
  for (int i = start; i < end; ++i) {
    const Cell& cell = cells[static_cast<std::size_t>(i)];
    line += cell.text;
    if (i < caret) indent += cell.width;
  }
  if (end < size) line += "…";
  return "  " + line + "\n  " + std::string(static_cast<std::size_t>(indent), ' ') + "^\n";
}

}  // namespace

std::string sentence(const Diagnostic& diagnostic) {
  if (diagnostic.hint.empty()) return diagnostic.message;
  std::string_view message = diagnostic.message;
  if (message.ends_with('.')) message.remove_suffix(1);
  return std::string(message) + "; " + diagnostic.hint;
}

std::string render(const Diagnostic& diagnostic, std::string_view file, std::string_view source) {
  std::string text(file);
  if (diagnostic.position.line > 0) {
    text += ":" + std::to_string(diagnostic.position.line) + ":" +
            std::to_string(diagnostic.position.column);
  }
  text += diagnostic.severity == Severity::error ? ": error: " : ": warning: ";
  text += sentence(diagnostic);
  if (!diagnostic.kind.empty()) text += " [" + diagnostic.kind + "]";
  return text + "\n" + excerpt(diagnostic.position, source);
}

std::string render_all(const std::vector<Diagnostic>& diagnostics, std::string_view file,
                       std::string_view source) {
  std::vector<const Diagnostic*> sorted;
  for (const Diagnostic& diagnostic : diagnostics)
    sorted.push_back(&diagnostic);
  std::stable_sort(sorted.begin(), sorted.end(), [](const Diagnostic* a, const Diagnostic* b) {
    return a->position < b->position;
  });
  std::string text;
  for (const Diagnostic* diagnostic : sorted)
    text += render(*diagnostic, file, source);
  return text;
}

bool has_errors(const std::vector<Diagnostic>& diagnostics) {
  return std::any_of(diagnostics.begin(), diagnostics.end(),
                     [](const Diagnostic& d) { return d.severity == Severity::error; });
}

}  // namespace gantry::core::yaml
