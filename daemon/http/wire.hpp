// SPDX-License-Identifier: MIT
// HTTP/1.1 text: heads, targets, ranges, dates. Pure; used by the session and the client.
#pragma once

#include "core/base/time.hpp"
#include "daemon/http/message.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gantry::daemon::http {

struct TargetParts {
  std::string target;  // path?query
  std::string path;
  std::string query;
  std::string host;  // of the absolute form, else ""
};
// Origin form ("/a?b") and absolute form ("http://host/a?b"); nullopt for all else.
std::optional<TargetParts> parse_target(std::string_view raw);

// "HTTP/1.1 200 OK\r\n…\r\n\r\n".
std::string response_head(int status, const Headers& headers);
std::string request_head(std::string_view method, std::string_view target, const Headers& headers);
// Whether a name or a value would break out of its line.
bool is_unsafe(const Headers& headers);

enum class RangeKind { whole, part, unsatisfiable };
struct ByteRange {
  RangeKind kind = RangeKind::whole;
  std::uint64_t first = 0;
  std::uint64_t length = 0;
};
// One range of "bytes=…"; several ranges, other units and nonsense mean the whole.
ByteRange parse_range(std::string_view header, std::uint64_t size);

// Turns a file's answer into 206, 304 or 416 where the request asks for it.
void apply_conditions(const Request& request, Response& response);
bool has_no_body(int status);

std::string http_date(core::Timestamp time);  // Tue, 15 Nov 1994 08:12:31 GMT

}  // namespace gantry::daemon::http
