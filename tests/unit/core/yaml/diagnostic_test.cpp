// SPDX-License-Identifier: MIT
#include "core/yaml/diagnostic.hpp"

#include <doctest/doctest.h>

namespace gantry::core::yaml {
namespace {

Diagnostic at(int line, int column) {
  return {{line, column}, Severity::error, "wrong", "", ""};
}

TEST_CASE("diagnostic: message, hint and kind on one line, then the source and a caret") {
  const Diagnostic diagnostic{
      {2, 3}, Severity::warning, "Unexpected value 'x'", "drop it", "schema"};
  CHECK(render(diagnostic, "ci.yml", "a:\n  x\r\n") ==
        "ci.yml:2:3: warning: Unexpected value 'x'; drop it [schema]\n    x\n    ^\n");
}

TEST_CASE("diagnostic: without a position there is no excerpt") {
  CHECK(render(at(0, 0), "f", "text") == "f: error: wrong\n");
  CHECK(render(at(9, 1), "f", "text") == "f:9:1: error: wrong\n");
}

TEST_CASE("diagnostic: the caret stands under tabs, wide characters and broken bytes") {
  CHECK(render(at(1, 3), "f", "\t\tx") == "f:1:3: error: wrong\n    x\n    ^\n");
  CHECK(render(at(1, 3), "f", "名前x") == "f:1:3: error: wrong\n  名前x\n      ^\n");
  CHECK(render(at(1, 2), "f", "\xFFx") == "f:1:2: error: wrong\n  \xEF\xBF\xBDx\n   ^\n");
  CHECK(render(at(1, 99), "f", "ab") == "f:1:99: error: wrong\n  ab\n    ^\n");
}

TEST_CASE("diagnostic: a very long line is cut on both sides of the caret") {
  const std::string text = render(at(1, 5001), "f", std::string(10'000, 'a'));
  CHECK(text.size() < 400);
  const std::string caret_line = text.substr(text.rfind("\n", text.size() - 2) + 1);
  CHECK(caret_line == "  " + std::string(81, ' ') + "^\n");
}

TEST_CASE("diagnostic: all are sorted by position, and only errors count as such") {
  std::vector<Diagnostic> both = {at(2, 1), at(1, 1)};
  CHECK(render_all(both, "f", "a\nb\n").starts_with("f:1:1"));
  CHECK(has_errors(both));
  both = {{{1, 1}, Severity::warning, "w", "", ""}};
  CHECK_FALSE(has_errors(both));
}

}  // namespace
}  // namespace gantry::core::yaml
