// SPDX-License-Identifier: MIT
#include "daemon/git/protocol.hpp"

#include "tests/git/support.hpp"

using namespace gantry;
using namespace gantry::testing;

namespace {

std::string without_newline(std::string line) {
  REQUIRE(line.ends_with('\n'));
  line.pop_back();
  return line;
}

}  // namespace

TEST_CASE("git protocol: a request survives the wire with every byte") {
  ReadFile request{.sha = "a", .path = std::string("\xff\xc3\x28\0\n\"", 6)};
  const std::string line = without_newline(encode(Request(request)));
  CHECK(line.find('\n') == std::string::npos);
  const auto back = std::get<ReadFile>(decode_request(line));
  CHECK(back.path == request.path);
  CHECK(back.max_bytes == request.max_bytes);
}

TEST_CASE("git protocol: an answer is read as what was asked for") {
  const std::string line = without_newline(
      encode(Answer(Difference{.paths = {"a", "\xe4"}, .files = 2, .commits = 1, .base = "b"})));
  const auto back = std::get<Difference>(decode_answer(line, Request(Diff{})));
  CHECK(back.paths == std::vector<std::string>{"a", "\xe4"});
  CHECK(error_of([&] { decode_answer(line, Request(Fetch{})); }).code == core::Errc::protocol);
}

TEST_CASE("git protocol: an error keeps its code and its words") {
  const std::string line =
      without_newline(encode(core::Error{core::Errc::not_found, "looking for 'x': no such ref"}));
  const core::Error error = error_of([&] { decode_answer(line, Request(Resolve{})); });
  CHECK(error.code == core::Errc::not_found);
  CHECK(error.message == "looking for 'x': no such ref");
}

TEST_CASE("git protocol: another version is refused with both versions named") {
  const std::string message =
      error_of([] {
        decode_request(R"({"version":9,"verb":"resolve","request":{"rev":"x"}})");
      }).message;
  CHECK(message ==
        "talking to gantry-git: the other side speaks version 9, this one version 3; install "
        "programs of one release");
}

TEST_CASE("git protocol: lines that are no message are refused") {
  for (const std::string& line :
       {std::string(), std::string("{"), std::string("[]"), std::string("{\"version\":1}"),
        std::string(R"({"version":1,"verb":"rm","request":{}})"),
        std::string(R"({"version":1,"verb":"resolve","request":{"rev":5}})"),
        std::string(R"({"version":1,"verb":"resolve","request":{"rev":"\u20ac"}})"),
        "{\"version\":1,\"verb\":" + std::string(100'000, '[')}) {
    CAPTURE(line.substr(0, 80));
    CHECK(error_of([&] { decode_request(line); }).code == core::Errc::protocol);
  }
}
