// SPDX-License-Identifier: MIT
#include "daemon/http/wire.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

namespace gantry::daemon::http {
namespace {

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || stop != end || error != std::errc()) return std::nullopt;
  return value;
}

void append_fields(std::string& head, const Headers& headers) {
  for (const auto& [name, value] : headers.fields) {
    head += name;
    head += ": ";
    head += value;
    head += "\r\n";
  }
  head += "\r\n";
}

}  // namespace

std::optional<TargetParts> parse_target(std::string_view raw) {
  TargetParts parts;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!core::equals_ignoring_case(raw.substr(0, scheme.size()), scheme)) continue;
    raw.remove_prefix(scheme.size());
    const std::size_t end = std::min(raw.find_first_of("/?"), raw.size());
    parts.host = raw.substr(0, end);
    raw.remove_prefix(end);
    if (parts.host.empty()) return std::nullopt;
    if (raw.empty() || raw.front() == '?') parts.target = "/";
    break;
  }
  parts.target += raw;
  if (parts.target.empty() || parts.target.front() != '/') return std::nullopt;
  const std::size_t question = parts.target.find('?');
  parts.path = parts.target.substr(0, question);
  if (question != std::string::npos) parts.query = parts.target.substr(question + 1);
  return parts;
}

std::string response_head(int status, const Headers& headers) {
  std::string head = "HTTP/1.1 " + std::to_string(status) + ' ';
  head += reason_phrase(status);
  head += "\r\n";
  append_fields(head, headers);
  return head;
}

std::string request_head(std::string_view method, std::string_view target, const Headers& headers) {
  std::string head(method);
  head += ' ';
  head += target;
  head += " HTTP/1.1\r\n";
  append_fields(head, headers);
  return head;
}

bool is_unsafe(const Headers& headers) {
  static constexpr std::string_view kForbidden("\r\n\0", 3);
  return std::any_of(headers.fields.begin(), headers.fields.end(), [](const auto& field) {
    return field.first.empty() || field.first.find_first_of(" :\t") != std::string::npos ||
           field.first.find_first_of(kForbidden) != std::string::npos ||
           field.second.find_first_of(kForbidden) != std::string::npos;
  });
}

ByteRange parse_range(std::string_view header, std::uint64_t size) {
  const ByteRange whole{RangeKind::whole, 0, size};
  static constexpr std::string_view kUnit = "bytes=";
  if (!header.starts_with(kUnit)) return whole;
  header.remove_prefix(kUnit.size());
  const std::size_t dash = header.find('-');
  if (dash == std::string_view::npos || header.find(',') != std::string_view::npos) return whole;
  const std::string_view from = header.substr(0, dash), to = header.substr(dash + 1);
  const auto first = parse_number(from), last = parse_number(to);
  if (from.empty()) {
    if (!last) return whole;
    const std::uint64_t length = std::min(*last, size);
    if (length == 0) return {RangeKind::unsatisfiable, 0, 0};
    return {RangeKind::part, size - length, length};
  }
  if (!first || (!to.empty() && !last) || (last && *last < *first)) return whole;
  if (*first >= size) return {RangeKind::unsatisfiable, 0, 0};
  const std::uint64_t end = last ? std::min(*last, size - 1) : size - 1;
  return {RangeKind::part, *first, end - *first + 1};
}

std::string http_date(core::Timestamp time) {
  static constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed",
                                                       "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - day));
  std::array<char, 64> text{};
  const int size = std::snprintf(
      text.data(), text.size(), "%s, %02u %s %04d %02d:%02d:%02d GMT",
      kDays.at(std::chrono::weekday(day).c_encoding()), static_cast<unsigned>(date.day()),
      kMonths.at(static_cast<unsigned>(date.month()) - 1), static_cast<int>(date.year()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()));
  return std::string(text.data(), static_cast<std::size_t>(size));
}

void apply_conditions(const Request& request, Response& response) {
  auto* const file = std::get_if<FileBody>(&response.body);
  if (file == nullptr || response.status != 200) return;
  const std::string etag(response.headers.find("ETag").value_or(""));
  if (!etag.empty() && request.header("If-None-Match") == etag) {
    response.status = 304;
    response.body = std::string();
    return;
  }
  response.headers.set("Accept-Ranges", "bytes");
  const std::string_view if_range = request.header("If-Range");
  if (!if_range.empty() && if_range != etag) return;
  const ByteRange range = parse_range(request.header("Range"), file->length);
  const std::string size = std::to_string(file->length);
  if (range.kind == RangeKind::unsatisfiable) {
    response = error_response(416, "the range lies beyond the end of the file");
    response.headers.set("Content-Range", "bytes */" + size);
  } else if (range.kind == RangeKind::part) {
    response.status = 206;
    response.headers.set("Content-Range", "bytes " + std::to_string(range.first) + '-' +
                                              std::to_string(range.first + range.length - 1) + '/' +
                                              size);
    file->offset += range.first;
    file->length = range.length;
  }
}

bool has_no_body(int status) {
  return status == 204 || status == 304 || status < 200;
}

}  // namespace gantry::daemon::http
