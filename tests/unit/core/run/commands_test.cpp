// SPDX-License-Identifier: MIT
#include "core/run/commands.hpp"

#include <doctest/doctest.h>

namespace gantry::core::run {

TEST_CASE("commands: a known name is a command, another is plain output") {
  const auto command = parse_command("\t::ERROR file=a.c,line=3::broken%0Ahere");
  REQUIRE(command);
  CHECK(command->is("error"));
  CHECK(command->property("FILE") == "a.c");
  CHECK(command->property("line") == "3");
  CHECK(command->property("col").empty());
  CHECK(command->data == "broken\nhere");
  for (const char* line : {"", ":", "::", "::::", "::error", "x ::error::y", "::nothing::x", "##[",
                           "##[error", "##[nothing]x", "error"}) {
    CHECK_MESSAGE(!parse_command(line), line);
  }
  CHECK(parse_command("x ##[group]name")->data == "name");
  CHECK(parse_command("::unknown::##[warning]w")->is("warning"));
}

TEST_CASE("commands: properties without a key or value are left out, the last of two stays") {
  const auto command = parse_command("::notice a=1,=2,b=,c,A=3,d==4::");
  REQUIRE(command);
  CHECK(command->properties.size() == 2);
  CHECK(command->property("a") == "3");
  CHECK(command->property("d") == "4");
}

TEST_CASE("commands: after a stop only its token resumes") {
  CommandSwitch commands;
  CHECK_FALSE(commands.stopped());
  commands.stop("To-Ken");
  CHECK_FALSE(parse_command("::to-ken::"));
  CHECK_FALSE(commands.resumes(*parse_command("::error::x", commands.token())));
  const auto resume = parse_command("::to-ken::", commands.token());
  REQUIRE(resume);
  CHECK(commands.resumes(*resume));
  CHECK_FALSE(commands.stopped());
}

TEST_CASE("commands: a token that output could contain by chance may not stop commands") {
  for (const char* token : {"", " ", "pause-logging", "add-mask", "Stop-Commands"}) {
    CHECK_MESSAGE(refuse_stop_token(token), token);
  }
  CHECK_FALSE(refuse_stop_token("f3b1c2"));
}

}  // namespace gantry::core::run
