// SPDX-License-Identifier: MIT
// HTTP requests and responses as values; shared by server, router, client and all handlers.
#pragma once

#include "core/base/unique_fd.hpp"
#include "daemon/async/task.hpp"

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace gantry::daemon::http {

using async::Task;
namespace asio = boost::asio;

// In the order sent; names compare without case.
struct Headers {
  std::vector<std::pair<std::string, std::string>> fields;

  std::optional<std::string_view> find(std::string_view name) const;  // the first of that name
  void set(std::string_view name, std::string value);                 // replaces all of that name
  void add(std::string_view name, std::string value);
};

// Who is on the other end of a Unix socket, by the kernel's word.
struct PeerCredentials {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
};

// A body read piece by piece by its handler; flat memory whatever its size.
class BodyReader {
 public:
  virtual ~BodyReader() = default;
  // Bytes read; 0 at the end of the body. Throws Exception(cancelled) when the client went away or
  // stood still for too long.
  virtual Task<std::size_t> read_some(std::span<char> into) = 0;
  virtual std::uint64_t length() const = 0;  // of the whole body
};

struct Request {
  std::string method;  // upper case
  std::string target;  // as sent, without scheme and host
  std::string path;    // still percent-encoded
  std::string query;   // without '?', still percent-encoded
  std::string host;    // of an absolute-form target, else the Host header
  Headers headers;
  std::string body;
  std::string endpoint;                                     // name of the listener it came in by
  std::string remote;                                       // "127.0.0.1:41212" or "unix"
  std::optional<PeerCredentials> peer;                      // Unix sockets only
  std::vector<std::pair<std::string, std::string>> params;  // {name} of the route, decoded
  BodyReader* stream = nullptr;  // of a streamed route, until its handler returns

  std::string_view header(std::string_view name) const;  // "" when absent
  std::string_view param(std::string_view name) const;   // "" when absent
  // Decoded; the first of that name.
  std::optional<std::string> query_value(std::string_view name) const;
};

// Where a streamed body is written. Each write waits until the socket took the bytes.
class BodyWriter {
 public:
  virtual ~BodyWriter() = default;
  // Throws Exception(cancelled) when the client is gone.
  virtual Task<> write(std::string_view bytes) = 0;
};

// Produces the body in pieces (chunked). Cancelled when the client goes away or the server stops.
using StreamBody = std::function<Task<>(BodyWriter&)>;

// A file sent with flat memory; the server answers Range and If-None-Match of the ETag header.
// Bytes the file grows by while it is sent are not sent.
struct FileBody {
  core::UniqueFd fd;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

struct Response {
  int status = 200;
  Headers headers;
  std::variant<std::string, FileBody, StreamBody> body;
};

using Handler = std::function<Task<Response>(Request&)>;

Response json_response(int status, std::string json);  // application/json; charset=utf-8
Response text_response(int status, std::string text);
Response redirect_response(int status, std::string location);
// {"message","documentation_url","status"}, as GitHub does.
Response error_response(int status, std::string_view message);
// The whole of an open file, or of its first `length` bytes.
Response file_response(core::UniqueFd fd, std::string content_type,
                       std::optional<std::uint64_t> length = std::nullopt);

std::string_view reason_phrase(int status);
std::string percent_decode(std::string_view text);  // "%zz" stays as it is
// Every byte outside A-Z a-z 0-9 - . _ ~ as %XX, '/' too.
std::string percent_encode(std::string_view text);
// "a=1&b=x+y" (query or form), decoded.
std::vector<std::pair<std::string, std::string>> parse_form(std::string_view text);

}  // namespace gantry::daemon::http
