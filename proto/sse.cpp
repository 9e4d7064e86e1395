// SPDX-License-Identifier: MIT
#include "proto/sse.hpp"

#include <algorithm>
#include <iterator>

namespace gantry::proto {
namespace {

// A field of one line: what would end the line early is left out.
void append_field(std::string& text, std::string_view name, std::string_view value) {
  text += name;
  text += ": ";
  std::copy_if(value.begin(), value.end(), std::back_inserter(text),
               [](char c) { return c != '\n' && c != '\r' && c != '\0'; });
  text += '\n';
}

}  // namespace

std::string encode_sse(const SseEvent& event) {
  std::string text;
  if (!event.id.empty()) append_field(text, "id", event.id);
  if (!event.event.empty()) append_field(text, "event", event.event);
  std::string_view rest = event.data;
  for (;;) {
    const std::size_t end = rest.find_first_of("\r\n");
    append_field(text, "data", rest.substr(0, end));
    if (end == std::string_view::npos) break;
    const bool is_pair = rest[end] == '\r' && end + 1 < rest.size() && rest[end + 1] == '\n';
    rest.remove_prefix(end + (is_pair ? 2 : 1));
  }
  text += '\n';
  return text;
}

std::vector<SseEvent> SseDecoder::feed(std::string_view bytes) {
  std::vector<SseEvent> events;
  for (const char c : bytes) {
    const bool skip = skip_line_feed_ && c == '\n';
    skip_line_feed_ = c == '\r';
    if (skip) continue;
    if (c == '\n' || c == '\r') {
      take_line(buffer_, events);
      buffer_.clear();
    } else {
      buffer_ += c;
    }
  }
  return events;
}

void SseDecoder::take_line(std::string_view line, std::vector<SseEvent>& events) {
  if (line.empty()) {
    if (has_data_) {
      current_.data.pop_back();
      current_.id = last_id_;
      events.push_back(std::move(current_));
    }
    current_ = {};
    has_data_ = false;
    return;
  }
  const std::size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (name == "data") {
    current_.data += value;
    current_.data += '\n';
    has_data_ = true;
  } else if (name == "event") {
    current_.event = value;
  } else if (name == "id") {
    last_id_ = value;
  }
}

}  // namespace gantry::proto
