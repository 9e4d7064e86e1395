// SPDX-License-Identifier: MIT
#include "core/workflow/glob.hpp"

#include <doctest.h>

#include <chrono>
#include <random>
#include <regex>

using namespace gantry::core;
using namespace gantry::core::workflow;

namespace {

bool matches(std::string_view pattern, std::string_view text) {
  const auto glob = Glob::compile(pattern);
  REQUIRE(glob);
  return glob->matches(text);
}

std::vector<Located<std::string>> patterns(std::initializer_list<const char*> texts) {
  std::vector<Located<std::string>> list;
  for (const char* text : texts)
    list.push_back({text, {}});
  return list;
}

bool selects(std::initializer_list<const char*> list, std::string_view text) {
  const auto texts = patterns(list);
  const auto compiled = PatternList::compile(texts);
  REQUIRE(compiled);
  return compiled->match(text).selected;
}

}  // namespace

TEST_CASE("glob: patterns match whole names as the cheat sheet says") {
  struct Row {
    const char *pattern, *text;
    bool matches;
  };
  const Row rows[] = {
      {"main", "main", true},
      {"main", "Main", false},
      {"main", "main2", false},
      {"main", "amain", false},
      {"*", "a-branch", true},
      {"*", "a/b", false},
      {"**", "a/b/c", true},
      {"feature/*", "feature/x", true},
      {"feature/*", "feature/", true},
      {"feature/*", "feature", false},
      {"feature/*", "feature/a/b", false},
      {"feature/**", "feature/a/b", true},
      {"*feature", "feature", true},
      {"*feature", "my-feature", true},
      {"v2*", "v2", true},
      {"v2*", "v2.9", true},
      {"v2*", "v3", false},
      {"v[12].[0-9]+.[0-9]+", "v1.10.1", true},
      {"v[12].[0-9]+.[0-9]+", "v2.0.0", true},
      {"v[12].[0-9]+.[0-9]+", "v3.0.0", false},
      {"v[12].[0-9]+.[0-9]+", "v1..0", false},
      {"v[12].[0-9]+.[0-9]+", "v1x0x0", false},
      {"*.jsx?", "page.js", true},
      {"*.jsx?", "page.jsx", true},
      {"*.jsx?", "page.jsxx", false},
      {"a+b", "aaab", true},
      {"a+b", "b", false},
      {"a+b", "a+b", false},
      {"a\\+b", "a+b", true},
      {"[a\\]", "\\", true},
      {"\\*", "*", true},
      {"\\*", "x", false},
      {"\\!x", "!x", true},
      {"a\\\\b", "a\\b", true},
      {"*.js", "src/app.js", false},
      {"**.js", "src/js/app.js", true},
      {"**.js", "app.js", true},
      {"docs/**/*.md", "docs/a.md", true},
      {"docs/**/*.md", "docs/a/b/c.md", true},
      {"docs/**/*.md", "docsa.md", false},
      {"**/docs/**", "docs/a", true},
      {"**/docs/**", "x/docs/a/b", true},
      {"**/docs/**", "mydocs/a", false},
      {"**/README.md", "README.md", true},
      {"**/README.md", "a/b/README.md", true},
      {"**/README.md", "a/bREADME.md", false},
      {"**/*src/**", "a/src/app.js", true},
      {"**/*src/**", "my-src/code/js/app.js", true},
      {"**/**/x", "x", true},
      {"**/**/x", "a/b/x", true},
      {".yml", "fyml", false},
      {"[0-9a-f]+", "00ff", true},
      {"[0-9a-f]+", "", false},
      {"[a-]", "-", true},
      {"caf\xC3\xA9", "caf\xC3\xA9", true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.pattern);
    CAPTURE(row.text);
    CHECK(matches(row.pattern, row.text) == row.matches);
  }
}

TEST_CASE("glob: the last pattern that matches wins") {
  CHECK(selects({"releases/**", "!releases/**-alpha"}, "releases/10"));
  CHECK_FALSE(selects({"releases/**", "!releases/**-alpha"}, "releases/10-alpha"));
  CHECK(selects({"*.md", "!README.md", "README*"}, "README.md"));
  CHECK_FALSE(selects({"README*", "!README.md"}, "README.md"));
}

TEST_CASE("glob: a list of negative patterns only selects nothing") {
  CHECK_FALSE(selects({"!docs/**"}, "src/a.c"));
  CHECK_FALSE(selects({"!docs/**"}, "docs/a.md"));
}

TEST_CASE("glob: the deciding pattern is named") {
  const auto texts = patterns({"**", "!a*", "x"});
  const auto list = PatternList::compile(texts);
  REQUIRE(list);
  CHECK(list->match("abc").decided_by == 1);
  CHECK(list->match("b").decided_by == 0);
}

TEST_CASE("glob: what cannot be a pattern is refused with its reason") {
  struct Row {
    std::string pattern, message;
  };
  const Row rows[] = {
      {"", "reading filter pattern '': it is empty"},
      {"+a",
       "reading filter pattern '+a': '+' must follow a character or a set; write '\\+' for the "
       "character itself"},
      {"a**?",
       "reading filter pattern 'a**?': '?' must follow a character or a set; write '\\?' for the "
       "character itself"},
      {"v[12", "reading filter pattern 'v[12': '[' has no closing ']'"},
      {"v[]", "reading filter pattern 'v[]': '[]' is empty"},
      {"[9-0]",
       "reading filter pattern '[9-0]': '9-0' is no range; ranges go from one letter or digit up "
       "to another"},
      {"a\\", "reading filter pattern 'a\\': '\\' has no character after it"},
  };
  for (const Row& row : rows) {
    const auto glob = Glob::compile(row.pattern);
    REQUIRE_FALSE(glob);
    CHECK(glob.error().message == row.message);
  }
  CHECK_FALSE(Glob::compile(std::string(1001, 'a')));
}

TEST_CASE("glob: a hostile pattern against a long text takes time in proportion") {
  std::string pattern;
  while (pattern.size() < 990)
    pattern += "**/*a+";
  const auto glob = Glob::compile(pattern + "b");
  REQUIRE(glob);
  const auto start = std::chrono::steady_clock::now();
  CHECK_FALSE(glob->matches(std::string(4000, 'a')));
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));
}

TEST_CASE("glob: random patterns match what the same regular expression matches") {
  struct Piece {
    const char *glob, *regex;
  };
  const Piece pieces[] = {{"*", "[^/]*"},   {"**", ".*"},        {"**/", "(.*/)?"}, {"/", "/"},
                          {"a", "a"},       {"b", "b"},          {"a?", "a?"},      {"b+", "b+"},
                          {"[ab]", "[ab]"}, {"[a-c]+", "[a-c]+"}};
  std::mt19937 random(7);
  int matched = 0;
  for (int round = 0; round < 400; ++round) {
    std::string pattern, expression;
    for (unsigned i = 0; i <= random() % 5; ++i) {
      const Piece& piece = pieces[random() % std::size(pieces)];
      // "*" and "**" next to each other would read as something else.
      if (pattern.ends_with('*') && piece.glob[0] == '*') continue;
      if (pattern.ends_with("**") && piece.glob[0] == '/') continue;
      pattern += piece.glob;
      expression += piece.regex;
    }
    const auto glob = Glob::compile(pattern);
    REQUIRE(glob);
    const std::regex regex(expression);
    for (int i = 0; i < 40; ++i) {
      std::string text;
      for (unsigned length = static_cast<unsigned>(random() % 7); length > 0; --length) {
        text += "abc/"[random() % 4];
      }
      CAPTURE(pattern);
      CAPTURE(text);
      const bool expected = std::regex_match(text, regex);
      matched += expected ? 1 : 0;
      CHECK(glob->matches(text) == expected);
    }
  }
  CHECK(matched > 1000);
}
