// SPDX-License-Identifier: MIT
// Server-sent events: encoding for the server, decoding for the CLI, ids to resume by.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::proto {

inline constexpr std::string_view kSseContentType = "text/event-stream";
inline constexpr std::string_view kSseKeepAlive = ": keep-alive\n\n";  // a comment

struct SseEvent {
  std::string event;  // "" means "message"
  std::string id;     // "" means none; sent back as Last-Event-ID
  std::string data;   // any number of lines
};

std::string encode_sse(const SseEvent& event);

// Takes a stream in pieces of any size.
class SseDecoder {
 public:
  // Events completed by `bytes`.
  std::vector<SseEvent> feed(std::string_view bytes);
  const std::string& last_event_id() const { return last_id_; }

 private:
  void take_line(std::string_view line, std::vector<SseEvent>& events);

  std::string buffer_;
  std::string last_id_;
  SseEvent current_;
  bool has_data_ = false;
  bool skip_line_feed_ = false;
};

}  // namespace gantry::proto
