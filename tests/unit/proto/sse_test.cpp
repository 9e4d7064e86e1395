// SPDX-License-Identifier: MIT
#include "proto/sse.hpp"

#include <doctest/doctest.h>

using namespace gantry::proto;

TEST_CASE("sse: an event has id, name and one data line for each line") {
  CHECK(encode_sse({"log", "7", "a\nb\r\nc"}) ==
        "id: 7\nevent: log\ndata: a\ndata: b\ndata: c\n\n");
  CHECK(encode_sse({"", "", ""}) == "data: \n\n");
}

TEST_CASE("sse: a value cannot forge a field") {
  CHECK(encode_sse({"a\ndata: x", "1\n\n", "d"}) == "id: 1\nevent: adata: x\ndata: d\n\n");
}

TEST_CASE("sse: what is encoded is decoded, in pieces of any size") {
  const std::string text = encode_sse({"log", "7", "one\ntwo"}) + std::string(kSseKeepAlive) +
                           encode_sse({"", "", "three"});
  for (std::size_t size = 1; size <= text.size(); ++size) {
    SseDecoder decoder;
    std::vector<SseEvent> events;
    for (std::size_t at = 0; at < text.size(); at += size) {
      for (SseEvent& event : decoder.feed(std::string_view(text).substr(at, size)))
        events.push_back(std::move(event));
    }
    REQUIRE(events.size() == 2);
    CHECK(events[0].event == "log");
    CHECK(events[0].data == "one\ntwo");
    CHECK(events[1].data == "three");
    CHECK(decoder.last_event_id() == "7");
  }
}

TEST_CASE("sse: an unfinished event is not an event, any line end is one") {
  SseDecoder decoder;
  CHECK(decoder.feed("data: a\r\n\r").size() == 1);
  CHECK(decoder.feed("\ndata: b\n").empty());
  CHECK(decoder.feed("\r").size() == 1);
}
