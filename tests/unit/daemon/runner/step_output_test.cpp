// SPDX-License-Identifier: MIT
#include "daemon/runner/step_output.hpp"

#include "core/base/files.hpp"
#include "core/run/commands.hpp"

#include <doctest.h>

#include <chrono>
#include <vector>

using namespace gantry;
using daemon::runner::JobLog;
using daemon::runner::StepOutput;

namespace {

struct Fixture {
  core::TempDir folder;
  JobLog log{folder.path() / "1.log", folder.path() / "1.idx", 0};
  std::vector<std::string> commands;
  StepOutput output{log, [this](std::string_view line) {
                      if (!core::run::parse_command(line)) return false;
                      commands.emplace_back(line);
                      return true;
                    }};

  std::string raw() {
    output.finish();
    log.flush();
    return core::read_file(folder.path() / "1.log", 4ULL << 30);
  }
  // Without stamps.
  std::string text() {
    std::string plain;
    const std::string all = raw();
    for (std::size_t at = 0; at < all.size();) {
      const std::size_t end = all.find('\n', at);
      plain += all.substr(at + daemon::runner::kLogStampBytes,
                          end + 1 - at - daemon::runner::kLogStampBytes);
      at = end + 1;
    }
    return plain;
  }
};

}  // namespace

TEST_CASE("a stamp is a date with seven digits after the second") {
  const auto stamp = daemon::runner::log_stamp(17'987'654'321'234'567);
  CHECK(std::string_view(stamp.data(), stamp.size()) == "2027-01-01T01:03:52.1234567Z ");
}

TEST_CASE("every line of output is stamped, whatever the pieces it came in") {
  Fixture fixture;
  fixture.output.write("one\ntw");
  fixture.output.write("o\n");
  fixture.output.write("three");
  CHECK(fixture.text() == "one\ntwo\nthree\n");
  CHECK(fixture.log.lines() == 3);
  CHECK(fixture.raw().substr(19, 1) == ".");
  CHECK(fixture.raw().substr(27, 2) == "Z ");
}

TEST_CASE("bytes that are no text pass unchanged") {
  Fixture fixture;
  const std::string odd("a\0b\xff\xfe\r\r\n\n", 9);
  fixture.output.write(odd);
  CHECK(fixture.text() == odd);
}

TEST_CASE("commands are taken out of the output, other lines with colons are not") {
  Fixture fixture;
  fixture.output.write("before\n  ::warning::careful\r\nC::d\n:: not\nx ##[error]old\nafter\n");
  CHECK(fixture.text() == "before\nC::d\n:: not\nafter\n");
  REQUIRE(fixture.commands.size() == 2);
  CHECK(fixture.commands[0] == "  ::warning::careful");
  CHECK(fixture.commands[1] == "x ##[error]old");
}

TEST_CASE("secrets are masked, also one that a command has just named") {
  Fixture fixture;
  fixture.log.masker().add_secret("hunter2");
  fixture.output.write("pass hunter2 end\nplain\n");
  CHECK(fixture.text() == "pass *** end\nplain\n");
}

TEST_CASE("a line that is too long to hold is one line of the log, masked and no command") {
  Fixture fixture;
  fixture.log.masker().add_secret("hunter2");
  std::string line =
      "::warning::" + std::string(3'000'000, 'x') + "hunter2" + std::string(200'000, 'y');
  fixture.output.write(line + "\nshort\n");
  CHECK(fixture.commands.empty());
  const std::string text = fixture.text();
  CHECK(text.size() == line.size() - 4 + 1 + 6);
  CHECK(text.find("hunter2") == std::string::npos);
  CHECK(text.find("x***y") != std::string::npos);
  CHECK(fixture.log.lines() == 2);
}

TEST_CASE("a long line without an end gets one") {
  Fixture fixture;
  fixture.output.write(std::string(2'000'000, 'x'));
  CHECK(fixture.text() == std::string(2'000'000, 'x') + "\n");
}

TEST_CASE("words of the runner in the middle of a long line get a line of their own") {
  Fixture fixture;
  fixture.output.write(std::string(1'500'000, 'x'));
  fixture.log.say("hello");
  fixture.output.write("end\n");
  const std::string text = fixture.text();
  CHECK(text.find("\nhello\n") != std::string::npos);
  CHECK(text.ends_with("\nend\n"));
}

TEST_CASE("what passes the log's limit is dropped, the runner's own words are not") {
  core::TempDir folder;
  JobLog log(folder.path() / "1.log", folder.path() / "1.idx", 10);
  log.write_lines("12345678\n");
  CHECK(log.closed().empty());
  log.write_lines("90\n");
  CHECK_FALSE(log.closed().empty());
  log.say("own");
  log.flush();
  const std::string text = core::read_file(folder.path() / "1.log");
  CHECK(text.find("12345678\n") != std::string::npos);
  CHECK(text.find("90\n") == std::string::npos);
  CHECK(text.find("own\n") != std::string::npos);
}

TEST_CASE("lines are stamped and masked fast enough not to hold a step up") {
  Fixture fixture;
  fixture.log.masker().add_secret("correct horse battery staple");
  const std::string line = std::string(99, 'x') + '\n';
  std::string block;
  while (block.size() < (1 << 20))
    block += line;
  const auto start = std::chrono::steady_clock::now();
  constexpr int kBlocks = 100;
  for (int i = 0; i < kBlocks; ++i)
    fixture.output.write(block);
  fixture.log.flush();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  MESSAGE("100 MB of 100-byte lines at " << static_cast<int>(100 / took.count()) << " MB/s");
  CHECK(fixture.log.lines() == static_cast<std::int64_t>(kBlocks * block.size() / line.size()));
}
