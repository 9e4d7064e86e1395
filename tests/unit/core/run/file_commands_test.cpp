// SPDX-License-Identifier: MIT
#include "core/run/file_commands.hpp"

#include <doctest/doctest.h>

namespace gantry::core::run {

TEST_CASE("file commands: the pairs before an error stay, the error is worded") {
  const auto error = [](std::string_view content) {
    const FilePairs result = parse_file_pairs(content);
    return std::to_string(result.pairs.size()) + " " + result.error.value_or("none");
  };
  CHECK(error("a=1\nno pair\nb=2") == "1 Invalid format 'no pair'");
  CHECK(error("<<EOF\nx\nEOF") ==
        "0 Invalid format '<<EOF'. Name must not be empty and delimiter must not be empty");
  CHECK(error("a<<\nx") ==
        "0 Invalid format 'a<<'. Name must not be empty and delimiter must not be empty");
  CHECK(error("a<<EOF\nx\n") == "0 Invalid value. Matching delimiter not found 'EOF'");
  CHECK(error("a<<EOF\nx") == "0 Invalid value. EOF marker missing new line.");
  CHECK(error("=v\n") == "1 none");
}

TEST_CASE("file commands: a carriage return is part of the value and of the delimiter") {
  const FilePairs result = parse_file_pairs("a=1\r\nb<<EOF\r\nx\r\nEOF\r\n");
  REQUIRE(!result.error);
  CHECK(result.pairs[0].second == "1\r");
  CHECK(result.pairs[1].second == "x\r");
  CHECK(parse_file_pairs("b<<EOF\nx\nEOF\r\n").error);
}

TEST_CASE("file commands: any bytes may be a value") {
  const std::string bytes("\xff\0=<<", 5);
  const FilePairs result = parse_file_pairs("a=" + bytes);
  REQUIRE(result.pairs.size() == 1);
  CHECK(result.pairs[0].second == bytes);
}

TEST_CASE("path file: blank lines are skipped, a repeated folder moves to the end") {
  std::vector<std::string> path{"/a", "/b"};
  for (auto& folder : parse_path_file("\xEF\xBB\xBF/c\n\n/a\r\n"))
    add_path(path, folder);
  CHECK(path == std::vector<std::string>{"/b", "/c", "/a"});
}

TEST_CASE("file commands: node options are refused in any case") {
  CHECK(is_blocked_env("Node_Options"));
  CHECK_FALSE(is_blocked_env("NODE_PATH"));
  CHECK(blocked_env_message("NODE_OPTIONS", "$GITHUB_ENV") ==
        "Can't store NODE_OPTIONS output parameter using '$GITHUB_ENV' command.");
}

}  // namespace gantry::core::run
