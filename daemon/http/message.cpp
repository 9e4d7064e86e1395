// SPDX-License-Identifier: MIT
#include "daemon/http/message.hpp"

#include "core/base/error.hpp"
#include "core/base/text.hpp"

#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include <algorithm>

namespace gantry::daemon::http {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string decode(std::string_view text, char space) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_value(text[i + 2]) : -1;
    if (low >= 0) {
      result += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      result += text[i] == space ? ' ' : text[i];
    }
  }
  return result;
}

template <class Fields>
std::string_view value_or_empty(const Fields& fields, std::string_view name) {
  for (const auto& [key, value] : fields) {
    if (key == name) return value;
  }
  return {};
}

}  // namespace

std::optional<std::string_view> Headers::find(std::string_view name) const {
  for (const auto& [key, value] : fields) {
    if (core::equals_ignoring_case(key, name)) return value;
  }
  return std::nullopt;
}

void Headers::set(std::string_view name, std::string value) {
  std::erase_if(fields, [&](const auto& f) { return core::equals_ignoring_case(f.first, name); });
  add(name, std::move(value));
}

void Headers::add(std::string_view name, std::string value) {
  fields.emplace_back(std::string(name), std::move(value));
}

std::string_view Request::header(std::string_view name) const {
  return headers.find(name).value_or(std::string_view());
}

std::string_view Request::param(std::string_view name) const {
  return value_or_empty(params, name);
}

std::optional<std::string> Request::query_value(std::string_view name) const {
  for (auto& [key, value] : parse_form(query)) {
    if (key == name) return std::move(value);
  }
  return std::nullopt;
}

Response json_response(int status, std::string json) {
  Response response{.status = status, .body = std::move(json)};
  response.headers.add("Content-Type", "application/json; charset=utf-8");
  return response;
}

Response text_response(int status, std::string text) {
  Response response{.status = status, .body = std::move(text)};
  response.headers.add("Content-Type", "text/plain; charset=utf-8");
  return response;
}

Response redirect_response(int status, std::string location) {
  Response response{.status = status};
  response.headers.add("Location", std::move(location));
  return response;
}

Response error_response(int status, std::string_view message) {
  const nlohmann::json body = {{"message", core::to_valid_utf8(message)},
                               {"documentation_url", "https://docs.github.com/rest"},
                               {"status", std::to_string(status)}};
  return json_response(status, body.dump());
}

Response file_response(core::UniqueFd fd, std::string content_type,
                       std::optional<std::uint64_t> length) {
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) core::throw_errno("reading the size of a file to send");
  const auto size = static_cast<std::uint64_t>(info.st_size);
  FileBody file{.fd = std::move(fd), .offset = 0, .length = std::min(length.value_or(size), size)};
  Response response{.status = 200, .body = std::move(file)};
  response.headers.add("Content-Type", std::move(content_type));
  return response;
}

std::string_view reason_phrase(int status) {
  static constexpr std::pair<int, std::string_view> kPhrases[] = {
      {100, "Continue"},
      {200, "OK"},
      {201, "Created"},
      {202, "Accepted"},
      {204, "No Content"},
      {206, "Partial Content"},
      {301, "Moved Permanently"},
      {302, "Found"},
      {303, "See Other"},
      {304, "Not Modified"},
      {307, "Temporary Redirect"},
      {308, "Permanent Redirect"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {410, "Gone"},
      {411, "Length Required"},
      {413, "Payload Too Large"},
      {415, "Unsupported Media Type"},
      {416, "Range Not Satisfiable"},
      {417, "Expectation Failed"},
      {422, "Unprocessable Entity"},
      {426, "Upgrade Required"},
      {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {502, "Bad Gateway"},
      {503, "Service Unavailable"},
      {505, "HTTP Version Not Supported"},
  };
  for (const auto& [code, phrase] : kPhrases) {
    if (code == status) return phrase;
  }
  return "Status";
}

std::string percent_decode(std::string_view text) {
  return decode(text, ' ');
}

std::string percent_encode(std::string_view text) {
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string result;
  for (const char c : text) {
    const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      result += c;
    } else {
      result += '%';
      result += kHex[static_cast<unsigned char>(c) >> 4U];
      result += kHex[static_cast<unsigned char>(c) & 15U];
    }
  }
  return result;
}

std::vector<std::pair<std::string, std::string>> parse_form(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const std::string_view part : core::split(text, '&')) {
    if (part.empty()) continue;
    const std::size_t equals = part.find('=');
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1);
    pairs.emplace_back(decode(part.substr(0, equals), '+'), decode(value, '+'));
  }
  return pairs;
}

}  // namespace gantry::daemon::http
