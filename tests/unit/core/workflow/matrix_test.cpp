// SPDX-License-Identifier: MIT
#include "core/workflow/matrix.hpp"

#include <doctest.h>

using namespace gantry::core;
using namespace gantry::core::workflow;

namespace {

Strategy expand(std::string_view json) {
  const auto value = expr::parse_json(json);
  REQUIRE(value);
  return expand_strategy(*value);
}

// One line per leg: its matrix and its name suffix.
std::string legs(std::string_view matrix) {
  const Strategy strategy = expand(R"({"matrix":)" + std::string(matrix) + "}");
  std::string text;
  for (const auto& problem : strategy.problems)
    text += "! " + problem.message + "\n";
  for (const auto& leg : strategy.legs) {
    text += expr::to_json(leg.matrix) + name_suffix(leg) + "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("matrix: expansion, include and exclude follow GitHub's rules") {
  struct Row {
    const char *name, *matrix, *legs;
  };
  const Row rows[] = {
      {"the first key varies slowest", R"({"os":["a","b"],"v":[1,2]})",
       "{\"os\":\"a\",\"v\":1} (a, 1)\n{\"os\":\"a\",\"v\":2} (a, 2)\n"
       "{\"os\":\"b\",\"v\":1} (b, 1)\n{\"os\":\"b\",\"v\":2} (b, 2)\n"},
      {"exclude is a partial match", R"({"os":["a","b"],"v":[1,2],"exclude":[{"os":"b"}]})",
       "{\"os\":\"a\",\"v\":1} (a, 1)\n{\"os\":\"a\",\"v\":2} (a, 2)\n"},
      {"comparison coerces and ignores case",
       R"({"os":["Linux"],"v":[1,2],"exclude":[{"os":"LINUX","v":"1"}]})",
       "{\"os\":\"Linux\",\"v\":2} (Linux, 2)\n"},
      {"include with matching keys adds extras that the name does not show",
       R"({"os":["a","b"],"include":[{"os":"a","x":1}]})",
       "{\"os\":\"a\",\"x\":1} (a)\n{\"os\":\"b\"} (b)\n"},
      {"include without vector keys goes to every leg, and later extras win",
       R"({"os":["a","b"],"include":[{"x":1},{"os":"b","x":2}]})",
       "{\"os\":\"a\",\"x\":1} (a)\n{\"os\":\"b\",\"x\":2} (b)\n"},
      {"extras of an earlier include are not matched by a later one",
       R"({"os":["a"],"include":[{"x":1},{"x":1,"y":2},{"x":9}]})",
       "{\"os\":\"a\",\"x\":9,\"y\":2} (a)\n"},
      {"include never overwrites a vector's value", R"({"os":["a"],"include":[{"os":"b","x":1}]})",
       "{\"os\":\"a\"} (a)\n{\"os\":\"b\",\"x\":1} (b, 1)\n"},
      {"include equal to an excluded combination brings it back, behind the others",
       R"({"os":["a","b"],"exclude":[{"os":"a"}],"include":[{"os":"a"}]})",
       "{\"os\":\"b\"} (b)\n{\"os\":\"a\"} (a)\n"},
      {"include only", R"({"include":[{"a":1},{"b":"x"}]})", "{\"a\":1} (1)\n{\"b\":\"x\"} (x)\n"},
      {"all excluded leaves one job without a matrix", R"({"os":["a"],"exclude":[{"os":"a"}]})",
       "null\n"},
      {"nested values are compared by their leaves",
       R"({"n":[{"v":{"a":1,"b":2}},{"v":{"a":3}}],"exclude":[{"n":{"v":{"A":"1"}}}]})",
       "{\"n\":{\"v\":{\"a\":3}}} (3)\n"},
      {"a shorter sequence matches as a prefix", R"({"n":[[1,2],[2,1]],"exclude":[{"n":[1]}]})",
       "{\"n\":[2,1]} (2, 1)\n"},
      {"null and empty values are not shown in names", R"({"a":[null,"","x",true]})",
       "{\"a\":null}\n{\"a\":\"\"}\n{\"a\":\"x\"} (x)\n{\"a\":true} (true)\n"},
      {"keys ignore case", R"({"Os":["a"],"include":[{"oS":"a","x":1}]})",
       "{\"Os\":\"a\",\"x\":1} (a)\n"},
      {"an empty vector", R"({"os":[],"v":[1]})",
       "! Matrix vector 'os' does not contain any values\n"},
      {"no vector", R"({})", "! Matrix must define at least one vector\n"},
      {"an empty include", R"({"include":[]})", "! Matrix must define at least one vector\n"},
      {"an empty include item", R"({"os":[1],"include":[{}]})",
       "! Matrix include mapping does not contain any values\n"},
      {"an empty exclude item", R"({"os":[1],"exclude":[{}]})",
       "! Matrix exclude filter must not be empty\n"},
      {"an exclude of no vector, with all else that is wrong",
       R"({"os":[1],"x":"y","exclude":[{"arch":1}]})",
       "! Matrix vector 'x' must be a sequence\n"
       "! Matrix exclude key 'arch' does not match any key within the matrix\n"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(legs(row.matrix) == row.legs);
  }
}

TEST_CASE("matrix: 256 legs are the limit, counted after exclude") {
  const std::string sixteen = "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]";
  const std::string square = R"({"a":)" + sixteen + R"(,"b":)" + sixteen;
  CHECK(expand(R"({"matrix":)" + square + "}}").legs.size() == 256);
  const Strategy over = expand(R"({"matrix":)" + square + R"(,"include":[{"a":17}]}})");
  CHECK(over.legs.empty());
  REQUIRE(over.problems.size() == 1);
  CHECK(over.problems[0].message ==
        "Strategy expands to more than 256 jobs, the limit of one matrix");
  CHECK(expand(R"({"matrix":)" + square + R"(,"include":[{"a":17}],"exclude":[{"a":1}]}})")
            .legs.size() == 241);
}

TEST_CASE("matrix: a product too large to look at is refused at once") {
  std::string matrix = "{";
  for (char key = 'a'; key <= 'p'; ++key) {
    matrix += std::string(key == 'a' ? "" : ",") + "\"" + key + "\":[1,2,3,4,5,6,7,8,9,10]";
  }
  CHECK(expand(R"({"matrix":)" + matrix + "}}").problems.size() == 1);
}

TEST_CASE("matrix: fail-fast and max-parallel have defaults and are checked") {
  CHECK(expand_strategy({}).fail_fast);
  CHECK(expand_strategy({}).max_parallel == 0);
  CHECK(expand_strategy({}).legs.size() == 1);
  const Strategy given = expand(R"({"fail-fast":false,"max-parallel":2})");
  CHECK_FALSE(given.fail_fast);
  CHECK(given.max_parallel == 2);
  CHECK(expand(R"({"max-parallel":0})").max_parallel == 0);
  CHECK(expand(R"({"max-parallel":-1})").max_parallel == 0);
  CHECK(expand(R"({"max-parallel":1e300})").max_parallel == 1000000000);
  for (const char* bad :
       {R"({"fail-fast":"x"})", R"({"max-parallel":"2"})", R"("x")", R"({"matrix":[]})"}) {
    CAPTURE(bad);
    CHECK(expand(bad).problems.size() == 1);
  }
}

TEST_CASE("matrix: a long job name keeps 97 characters") {
  CHECK(shorten_job_name(std::string(100, 'x')) == std::string(100, 'x'));
  CHECK(shorten_job_name(std::string(101, 'x')) == std::string(97, 'x') + "...");
  std::string umlauts;
  for (int i = 0; i < 101; ++i)
    umlauts += "\xC3\xBC";
  CHECK(shorten_job_name(umlauts) == umlauts.substr(0, 194) + "...");
}
