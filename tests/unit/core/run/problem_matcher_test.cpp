// SPDX-License-Identifier: MIT
#include "core/run/problem_matcher.hpp"

#include "core/expr/value.hpp"
#include "core/run/regex.hpp"

#include <doctest/doctest.h>

#include <chrono>

namespace gantry::core::run {
namespace {

// JSON of one matcher file.
std::string file_of(const std::string& owner, const std::string& patterns,
                    const std::string& more = "") {
  return R"({"problemMatcher": [{"owner": ")" + owner + "\"" + more + R"(, "pattern": [)" +
         patterns + "]}]}";
}

std::string pattern_of(const std::string& regexp, const std::string& properties) {
  return "{\"regexp\": " + expr::to_json(expr::Value(regexp)) + ", " + properties + "}";
}

void add(ProblemMatchers& matchers, const std::string& json) {
  auto parsed = parse_problem_matchers(json);
  REQUIRE_MESSAGE(parsed, parsed.error().message);
  for (MatcherConfig& config : *parsed)
    matchers.add(std::move(config));
}

std::string why_refused(const std::string& json) {
  const auto parsed = parse_problem_matchers(json);
  return parsed ? "" : parsed.error().message;
}

const std::string kGcc =
    file_of("gcc", pattern_of(R"(^(.+?):(\d+):(\d+):\s+(warning|error):\s+(.*)$)",
                              R"("file": 1, "line": 2, "column": 3, "severity": 4, "message": 5)"));

}  // namespace

TEST_CASE("problem matcher: one pattern takes file, place, severity and message of a line") {
  ProblemMatchers matchers;
  add(matchers, kGcc);
  const auto outcome = matchers.match("src/a.c:12:5: warning: unused variable 'x'");
  REQUIRE(outcome.problem);
  CHECK(outcome.problem->file == "src/a.c");
  CHECK(outcome.problem->line == 12);
  CHECK(outcome.problem->column == 5);
  CHECK(outcome.problem->severity == "warning");
  CHECK(outcome.problem->message == "unused variable 'x'");
  CHECK_FALSE(matchers.match("all is well").problem);
  CHECK(matchers.match("\x1b[1ma.c:1:2: \x1b[0;31merror: x\x1b[0m").problem->message == "x");
}

TEST_CASE("problem matcher: several patterns follow lines, the last may loop") {
  ProblemMatchers matchers;
  add(matchers,
      file_of("eslint",
              pattern_of(R"(^([^\s].*)$)", R"("file": 1)") + "," +
                  pattern_of(R"(^\s+(\d+):(\d+)\s+(error|warning|info)\s+(.*)\s\s+(.*)$)",
                             R"("line": 1, "column": 2, "severity": 3, "message": 4, "code": 5,
                                "loop": true)")));
  CHECK_FALSE(matchers.match("test.js").problem);
  const auto first = matchers.match("  1:0   error  Missing \"use strict\"  strict");
  REQUIRE(first.problem);
  CHECK(first.problem->file == "test.js");
  CHECK(first.problem->code == "strict");
  CHECK(first.problem->line == 1);
  CHECK(first.problem->column == 0);
  CHECK(matchers.match("  5:10  warning  'addOne' is defined  no-unused").problem->file ==
        "test.js");
  // A line of severity 'info' is none GitHub knows, so it is plain output; the loop goes on.
  CHECK_FALSE(matchers.match("  6:1  info  hm  x").problem);
  CHECK_FALSE(matchers.match("").problem);
  CHECK_FALSE(matchers.match("  7:1  error  the loop has ended  x").problem);
}

TEST_CASE("problem matcher: a match makes the others forget what they had begun") {
  ProblemMatchers matchers;
  const std::string two_lines = pattern_of("^begin (.+)$", R"("file": 1)") + "," +
                                pattern_of("^end (.+)$", R"("message": 1)");
  add(matchers, file_of("two", two_lines));
  add(matchers, kGcc);
  CHECK_FALSE(matchers.match("begin a").problem);
  CHECK(matchers.match("a.c:1:2: error: x").problem);
  CHECK_FALSE(matchers.match("end y").problem);
  CHECK_FALSE(matchers.match("begin a").problem);
  CHECK(matchers.match("end y").problem->file == "a");
  CHECK_FALSE(matchers.match("begin a").problem);
  matchers.reset();
  CHECK_FALSE(matchers.match("end y").problem);
}

TEST_CASE("problem matcher: owners replace and remove ignoring case, the newest is tried first") {
  ProblemMatchers matchers;
  add(matchers, file_of("One", pattern_of("^(.*)$", R"("message": 1)")));
  add(matchers,
      file_of("two", pattern_of("^x(.*)$", R"("message": 1)"), R"(, "severity": "notice")"));
  CHECK(matchers.match("xyz").problem->message == "yz");
  CHECK(matchers.match("xyz").problem->severity == "notice");
  CHECK(matchers.match("abc").problem->message == "abc");
  add(matchers, file_of("ONE", pattern_of("^b(.*)$", R"("message": 1)")));
  CHECK_FALSE(matchers.match("abc").problem);
  matchers.remove("TWO");
  CHECK_FALSE(matchers.match("xyz").problem);
  matchers.remove("one");
  CHECK(matchers.empty());
}

TEST_CASE("problem matcher: an empty message is no problem; group 0 is the whole match") {
  ProblemMatchers matchers;
  add(matchers, file_of("o", pattern_of("^E:(\\s*)(.*)$", R"("message": 2)")));
  CHECK_FALSE(matchers.match("E:   ").problem);
  add(matchers, file_of("o", pattern_of("b+", R"("message": 0)")));
  CHECK(matchers.match("abbbc").problem->message == "bbb");
}

TEST_CASE("problem matcher: files that do not hold to the format are refused with the reason") {
  const std::string good = pattern_of("(x)", R"("message": 1)");
  CHECK(why_refused(file_of("o", good)).empty());
  CHECK(why_refused("{}").empty());
  CHECK(why_refused("[]") == "A matcher file must be a JSON object");
  CHECK(!why_refused("{").empty());
  CHECK(why_refused(file_of("", good)) == "Owner must not be empty");
  CHECK(why_refused(file_of("o", "")) == "Matcher 'o' does not contain any patterns");
  CHECK(why_refused(file_of("o", good, R"(, "severity": "bad")")) ==
        "Matcher 'o' contains unexpected default severity 'bad'");
  CHECK(why_refused(file_of("o", pattern_of("(x)", R"("file": 1)"))) ==
        "At least one pattern must set 'message'");
  CHECK(why_refused(file_of("o", pattern_of("(x)", R"("message": 2)")))
            .starts_with("The property 'message' is set to 2, which is out of range"));
  CHECK(why_refused(file_of("o", good + "," + good)) == "The property 'message' is set twice");
  CHECK(why_refused(file_of("o", pattern_of("(x)", R"("message": 1, "loop": true)"))) ==
        "Only the last pattern in a multiline matcher may set 'loop'");
  CHECK(why_refused(file_of("o", pattern_of("(x", R"("message": 0)")))
            .starts_with("reading regular expression '(x': "));
  CHECK(!why_refused(file_of("o", pattern_of(std::string(9000, 'x'), R"("message": 0)"))).empty());
  CHECK(why_refused(R"({"problemMatcher": [)" +
                    file_of("o", good).substr(20, file_of("o", good).size() - 22) + "," +
                    file_of("O", good).substr(20)) == "Duplicate owner name 'O'");
}

TEST_CASE("problem matcher: an expression made to run for ever is given up, once") {
  ProblemMatchers matchers;
  add(matchers, kGcc);
  add(matchers, file_of("bomb", pattern_of("^(a+)+$", R"("message": 1)")));
  const std::string line = std::string(40, 'a') + "b.c:1:2: error: found all the same";
  const auto begin = std::chrono::steady_clock::now();
  const auto outcome = matchers.match(line);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(1));
  CHECK(outcome.given_up == std::vector<std::string>{"bomb"});
  CHECK(outcome.problem->message == "found all the same");
  CHECK(matchers.match(line).given_up.empty());
}

TEST_CASE("regex: bytes that are no UTF-8 are searched around, JavaScript's escapes are known") {
  std::vector<std::string_view> groups;
  const auto regex = Regex::compile("^.*?(\\u0041+)\\x42(x)?");
  REQUIRE(regex);
  CHECK((*regex)->search("\xff\xfe AAB", groups) == Regex::Found::no);  // '^' is before the bytes
  CHECK((*regex)->search("-> AAB", groups) == Regex::Found::yes);
  REQUIRE(groups.size() == 3);
  CHECK(groups[1] == "AA");
  CHECK(groups[2].empty());
  CHECK((*Regex::compile("B$"))->search("\xff AAB", groups) == Regex::Found::yes);
}

}  // namespace gantry::core::run
