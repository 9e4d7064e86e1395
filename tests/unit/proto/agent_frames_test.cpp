// SPDX-License-Identifier: MIT
#include "proto/agent_frames.hpp"

#include <doctest/doctest.h>

namespace gantry::proto::agent {

namespace {

std::string_view payload_of(const std::string& frame) {
  return std::string_view(frame).substr(4);
}

Start sample_start() {
  Start start;
  start.step = 7;
  start.argv = {"/bin/bash", "-e", "script with \xff bytes"};
  start.env = {"A=1", "B="};
  start.cwd = "/home/runner";
  start.descriptors = 2;
  return start;
}

}  // namespace

TEST_CASE("agent frames: requests and replies come back as they were sent") {
  for (const Request& request :
       {Request(sample_start()), Request(Signal{0, 9}), Request(Listen()), Request(Bye())}) {
    const auto frame = encode(request);
    REQUIRE(frame.has_value());
    const auto decoded = decode_request(payload_of(*frame));
    REQUIRE(decoded.has_value());
    CHECK((*decoded == request));
  }
  for (const Reply& reply :
       {Reply(Hello()), Reply(Started{3, 17}), Reply(SetupFailed{3, SetupPhase::folder, 2}),
        Reply(Exited{3, ExitKind::signaled, 9, 1ULL << 40, 5, 6})}) {
    const auto decoded = decode_reply(payload_of(encode(reply)));
    REQUIRE(decoded.has_value());
    CHECK((*decoded == reply));
  }
}

TEST_CASE("agent frames: every cut and every longer frame is refused") {
  const std::string start = *encode(Request(sample_start()));
  const std::string exited = encode(Reply(Exited{3, ExitKind::exited, 1, 2, 3, 4}));
  for (std::size_t size = 0; size < start.size() - 4; ++size) {
    CHECK_FALSE(decode_request(payload_of(start).substr(0, size)).has_value());
  }
  for (std::size_t size = 0; size < exited.size() - 4; ++size) {
    CHECK_FALSE(decode_reply(payload_of(exited).substr(0, size)).has_value());
  }
  CHECK_FALSE(decode_request(payload_of(start + "x")).has_value());
  CHECK_FALSE(decode_reply(payload_of(exited + "x")).has_value());
}

TEST_CASE("agent frames: any single wrong byte is refused or harmless") {
  const std::string frame = *encode(Request(sample_start()));
  for (std::size_t at = 4; at < frame.size(); ++at) {
    for (const int value : {0, 1, 127, 255}) {
      std::string broken = frame;
      broken[at] = static_cast<char>(value);
      const auto decoded = decode_request(payload_of(broken));
      if (!decoded) CHECK(decoded.error().code == core::Errc::protocol);
    }
  }
}

TEST_CASE("agent frames: values that no agent sends are refused") {
  const std::string requests_are_no_replies = *encode(Request(Signal{1, 2}));
  CHECK(decode_reply(payload_of(requests_are_no_replies)).error().message ==
        "reading a frame of the agent protocol: malformed unknown frame");
  CHECK_FALSE(decode_request(payload_of(encode(Reply(Hello())))).has_value());
  CHECK_FALSE(decode_request(payload_of(*encode(Request(Signal{1, 0})))).has_value());
  CHECK_FALSE(decode_request(payload_of(*encode(Request(Signal{1, 65})))).has_value());
  CHECK_FALSE(decode_reply(payload_of(encode(Reply(Exited{1, ExitKind::exited, 256, 0, 0, 0}))))
                  .has_value());
  CHECK_FALSE(decode_reply(payload_of(encode(Reply(Exited{1, ExitKind::exited, -1, 0, 0, 0}))))
                  .has_value());
  // A list that announces more than the frame holds must not allocate for it.
  const std::string huge = std::string("\x01\x01\x00\x00\x00\xff\xff\xff\xff", 9);
  CHECK_FALSE(decode_request(huge).has_value());
}

TEST_CASE("agent frames: a start that cannot work is refused before it is sent") {
  Start start = sample_start();
  start.env = {std::string("A=\0", 3)};
  CHECK(encode(start).error().code == core::Errc::invalid);
  start = sample_start();
  start.argv.clear();
  CHECK(encode(start).error().message == "starting a step: no program given");
  start = sample_start();
  start.argv.push_back(std::string(kMaxRequestBytes, 'x'));
  CHECK(encode(start).error().code == core::Errc::too_large);
}

TEST_CASE("agent frames: a stream is cut into frames wherever its pieces end") {
  const std::string stream = encode(Reply(Hello())) + encode(Reply(Started{1, 2}));
  FrameBuffer buffer(kMaxReplyBytes);
  int frames = 0;
  for (const char byte : stream) {
    buffer.append(std::string_view(&byte, 1));
    const auto payload = buffer.next();
    REQUIRE(payload.has_value());
    if (payload->has_value()) ++frames;
  }
  CHECK(frames == 2);
}

TEST_CASE("agent frames: a length of nothing or of too much ends the stream") {
  for (const std::string& length : {std::string(4, '\0'), std::string("\xff\xff\xff\x7f")}) {
    FrameBuffer buffer(kMaxReplyBytes);
    buffer.append(length);
    CHECK(buffer.next().error().code == core::Errc::protocol);
  }
}

}  // namespace gantry::proto::agent
