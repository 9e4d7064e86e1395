// SPDX-License-Identifier: MIT
// What is wrong at which place of a file, for people. All diagnostics of a file are collected;
// nothing stops at the first.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gantry::core::yaml {

// 1-based; column counts Unicode code points. {0,0} = no position.
struct Position {
  int line = 0;
  int column = 0;
  auto operator<=>(const Position&) const = default;
};

enum class Severity { error, warning };

struct Diagnostic {
  Position position;
  Severity severity = Severity::error;
  std::string message;  // GitHub's own wording where GitHub has one, so that it can be searched for
  std::string hint;     // what to do: "did you mean 'steps'?", "expected one of …"; may be empty
  std::string kind;     // short slug: syntax, schema, expression, needs, …
};

// "ci.yml:11:5: error: Unexpected value 'step'; did you mean 'steps'? [schema]", then the source
// line and a caret under the column. `source` is the whole file.
std::string render(const Diagnostic& diagnostic, std::string_view file, std::string_view source);

// All of them, sorted by position, one after another.
std::string render_all(const std::vector<Diagnostic>& diagnostics, std::string_view file,
                       std::string_view source);

// Message and hint as one sentence of a line: "Unexpected value 'step'; did you mean 'steps'?"
std::string sentence(const Diagnostic& diagnostic);

bool has_errors(const std::vector<Diagnostic>& diagnostics);

}  // namespace gantry::core::yaml
