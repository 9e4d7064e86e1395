// SPDX-License-Identifier: MIT
#include "daemon/http/session.hpp"

#include "core/base/log.hpp"
#include "core/base/text.hpp"
#include "daemon/http/wire.hpp"

#include <boost/asio.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <sys/sendfile.h>

#include <algorithm>
#include <array>
#include <cstdio>

namespace gantry::daemon::http {
namespace {

namespace beast_http = boost::beast::http;
using boost::system::error_code;
using boost::system::system_error;
using Parser = beast_http::request_parser<beast_http::string_body>;
using TimePoint = std::chrono::steady_clock::time_point;

constexpr std::size_t kReadBytes = 8 * 1024;
constexpr std::size_t kBodyReadBytes = 64 * 1024;
constexpr std::size_t kSmallBody = 128 * 1024;
constexpr std::size_t kFilePieceBytes = 256 * 1024;
constexpr std::chrono::seconds kLinger{2};

Response refusal_for(const error_code& error) {
  if (error == beast_http::error::header_limit) {
    return error_response(431, "the request header is too large");
  }
  if (error == beast_http::error::body_limit || error == beast_http::error::buffer_overflow) {
    return error_response(413, "the request body is too large");
  }
  if (error == beast_http::error::bad_version) {
    return error_response(505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
  }
  return error_response(400, "the request is not HTTP: " + error.message());
}

}  // namespace

class Session::Impl {
 public:
  Impl(Socket socket, Origin origin, const Router& router, const ServerLimits& limits,
       std::uint64_t& all_bodies)
      : socket_(std::move(socket)),
        origin_(std::move(origin)),
        router_(router),
        limits_(limits),
        all_bodies_(all_bodies),
        deadline_(std::chrono::steady_clock::now() + limits.header) {
    socket_.native_non_blocking(true);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { forget_body(); }

  Task<> run();
  void tick(TimePoint now) {
    if (now >= deadline_) expire();
  }
  void begin_close() {
    closing_ = true;
    if (phase_ == Phase::idle || phase_ == Phase::streaming) expire();
  }

 private:
  enum class Phase { idle, receiving, handling, sending, streaming };
  enum class Received { yes, closed, refused };
  enum class After { keep, close };
  enum class Until { head, body };
  class ChunkWriter;

  void set_deadline(std::chrono::milliseconds from_now) {
    deadline_ = std::chrono::steady_clock::now() + from_now;
  }
  void expire() {
    expired_ = true;
    error_code ignored;  // a socket that cannot be cancelled is closed already
    socket_.cancel(ignored);
  }
  // Strangers' bodies are held in memory until their signature can be checked.
  void count_body(std::size_t bytes) {
    body_ += bytes;
    all_bodies_ += bytes;
  }
  void forget_body() {
    all_bodies_ -= body_;
    body_ = 0;
  }
  bool is_too_much() const {
    return !origin_.peer && body_ > kSmallBody && all_bodies_ > limits_.bodies_bytes;
  }
  Received refuse(Response response) {
    refusal_ = std::move(response);
    return Received::refused;
  }

  Task<After> serve_one();
  Task<Received> receive(Parser& parser, Until until);
  Task<Received> receive_body(Parser& parser, const Request& request, std::uint64_t limit_bytes);
  Task<bool> fill();
  std::optional<Response> take_head(const Parser& parser, Request& request);
  Task<Response> respond(Request& request, const Router::Match& match);
  Task<After> send(const Request& request, Response response, After after);
  Task<> send_file(const FileBody& file);
  Task<After> send_stream(const StreamBody& produce);
  Task<> watch_peer();
  Task<> write(std::string_view first, std::string_view second = {});
  Task<> linger();

  Socket socket_;
  Origin origin_;
  const Router& router_;
  const ServerLimits& limits_;
  std::uint64_t& all_bodies_;  // of all connections
  std::uint64_t body_ = 0;     // ours in it
  boost::beast::flat_buffer buffer_;
  Response refusal_;
  TimePoint deadline_;
  Phase phase_ = Phase::idle;
  bool is_chunkable_ = true;  // HTTP/1.1
  bool expired_ = false;
  bool closing_ = false;
};

// Writes the pieces of a streamed body, each as one chunk.
class Session::Impl::ChunkWriter final : public BodyWriter {
 public:
  explicit ChunkWriter(Impl& session) : session_(session) {}

  Task<> write(std::string_view bytes) override {
    if (bytes.empty()) co_return;
    try {
      if (!session_.is_chunkable_) {
        co_await session_.write(bytes);
      } else {
        std::array<char, 24> size{};
        std::snprintf(size.data(), size.size(), "%zx\r\n", bytes.size());
        frame_ = size.data();
        frame_ += bytes;
        frame_ += "\r\n";
        co_await session_.write(frame_);
      }
    } catch (const system_error&) {
      throw core::Exception(core::Errc::cancelled, "sending a stream: the client went away");
    }
    session_.deadline_ = TimePoint::max();  // silence of the producer is not the client's fault
  }

 private:
  Impl& session_;
  std::string frame_;
};

Task<> Session::Impl::run() {
  try {
    while (co_await serve_one() == After::keep) {
    }
  } catch (const system_error& error) {
    core::log::debug("connection ended", {{"remote", origin_.remote}, {"why", error.what()}});
  }
}

Task<Session::Impl::After> Session::Impl::serve_one() {
  Parser parser;
  parser.header_limit(static_cast<std::uint32_t>(limits_.header_bytes));
  parser.body_limit(boost::none);
  parser.eager(false);
  Request request;
  Router::Match match;
  Received received = co_await receive(parser, Until::head);
  if (received == Received::yes) {
    if (auto refusal = take_head(parser, request)) {
      received = refuse(std::move(*refusal));
    } else {
      match = router_.match(request.method, request.path);
      request.params = std::move(match.params);
      received = co_await receive_body(parser, request, match.options.body_limit_bytes);
    }
  }
  if (received == Received::closed) co_return After::close;
  if (received == Received::refused) {
    co_await send(request, std::move(refusal_), After::close);
    co_await linger();
    co_return After::close;
  }
  request.body = std::move(parser.get().body());
  phase_ = Phase::handling;
  deadline_ = TimePoint::max();
  Response response = co_await respond(request, match);
  const bool keep = parser.keep_alive() && !closing_;
  const After after =
      co_await send(request, std::move(response), keep ? After::keep : After::close);
  phase_ = Phase::idle;
  forget_body();
  set_deadline(limits_.idle);
  buffer_.shrink_to_fit();
  co_return closing_ ? After::close : after;
}

// Feeds the parser until the head or the whole request is there.
Task<Session::Impl::Received> Session::Impl::receive(Parser& parser, Until until) {
  if (buffer_.size() > 0) {
    phase_ = Phase::receiving;
    set_deadline(until == Until::head ? limits_.header : limits_.body);
  }
  for (;;) {
    if (until == Until::head ? parser.is_header_done() : parser.is_done()) {
      co_return Received::yes;
    }
    if (buffer_.size() > 0) {
      error_code error;
      const std::size_t taken = parser.put(buffer_.data(), error);
      buffer_.consume(taken);
      if (error && error != beast_http::error::need_more) co_return refuse(refusal_for(error));
      if (!error && taken > 0) continue;
    }
    const bool more = co_await fill();
    if (more && !is_too_much()) continue;
    if (more) {
      co_return refuse(error_response(503, "too many large requests at once; send it again later"));
    }
    if (phase_ == Phase::idle) co_return Received::closed;
    if (expired_) {
      expired_ = false;
      co_return refuse(error_response(408, "the request took too long to arrive"));
    }
    co_return refuse(error_response(400, "the request ended before it was complete"));
  }
}

// False at the end of the stream or when the deadline passed.
Task<bool> Session::Impl::fill() {
  error_code error;
  const auto space = buffer_.prepare(phase_ == Phase::receiving ? kBodyReadBytes : kReadBytes);
  const std::size_t size =
      co_await socket_.async_read_some(space, asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return false;
  buffer_.commit(size);
  count_body(size);
  if (phase_ == Phase::idle) {
    phase_ = Phase::receiving;
    set_deadline(limits_.header);
  }
  co_return true;
}

// Fills all of `request` but the body; a response means that it is refused.
std::optional<Response> Session::Impl::take_head(const Parser& parser, Request& request) {
  const auto& message = parser.get();
  request.method = message.method_string();
  for (const auto& field : message) {
    request.headers.add(field.name_string(), field.value());
  }
  auto parts = parse_target(message.target());
  if (!parts) return error_response(400, "the request target is neither a path nor a URL");
  const auto hosts =
      std::count_if(request.headers.fields.begin(), request.headers.fields.end(),
                    [](const auto& f) { return core::equals_ignoring_case(f.first, "host"); });
  if (hosts > 1 || (hosts == 0 && message.version() >= 11)) {
    return error_response(400, "a request needs exactly one Host header");
  }
  // What is not understood would be taken for no body, and the body for the next request.
  const std::string_view coding = request.header("Transfer-Encoding");
  if (!coding.empty() && !core::equals_ignoring_case(coding, "chunked")) {
    return error_response(501, "the only Transfer-Encoding understood here is 'chunked'");
  }
  is_chunkable_ = message.version() >= 11;
  request.target = std::move(parts->target);
  request.path = std::move(parts->path);
  request.query = std::move(parts->query);
  request.host = parts->host.empty() ? std::string(request.header("Host")) : parts->host;
  request.endpoint = origin_.endpoint;
  request.remote = origin_.remote;
  request.peer = origin_.peer;
  return std::nullopt;
}

Task<Session::Impl::Received> Session::Impl::receive_body(Parser& parser, const Request& request,
                                                          std::uint64_t limit_bytes) {
  const auto length = parser.content_length();
  if (length && *length > limit_bytes) {
    co_return refuse(error_response(413, "the request body is larger than the " +
                                             std::to_string(limit_bytes) + " bytes allowed here"));
  }
  parser.body_limit(limit_bytes);  // for bodies in chunks
  parser.eager(true);
  const std::string_view expect = request.header("Expect");
  if (!expect.empty() && !core::equals_ignoring_case(expect, "100-continue")) {
    co_return refuse(error_response(417, "only 'Expect: 100-continue' is known here"));
  }
  if (!expect.empty() && !parser.is_done() && buffer_.size() == 0) {
    co_await write("HTTP/1.1 100 Continue\r\n\r\n");
  }
  set_deadline(limits_.body);
  co_return co_await receive(parser, Until::body);
}

Task<Response> Session::Impl::respond(Request& request, const Router::Match& match) {
  if (match.status == 405) {
    Response response = error_response(405, "Method Not Allowed");
    response.headers.set("Allow", match.allow);
    co_return response;
  }
  if (match.status != 200) co_return error_response(404, "Not Found");
  std::string failure;
  try {
    Response response = co_await (*match.handler)(request);
    if (!is_unsafe(response.headers)) co_return response;
    failure = "a response header holds a line break";
  } catch (const std::exception& error) {
    failure = error.what();
  }
  core::log::error("request failed", {{"method", request.method},
                                      {"path", request.path},
                                      {"endpoint", request.endpoint},
                                      {"error", failure}});
  co_return error_response(500, "Internal Server Error");
}

namespace {

// Turns a file's answer into 206, 304 or 416 where the request asks for it.
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

}  // namespace

Task<Session::Impl::After> Session::Impl::send(const Request& request, Response response,
                                               After after) {
  phase_ = Phase::sending;
  set_deadline(limits_.write);
  apply_conditions(request, response);
  const auto* const text = std::get_if<std::string>(&response.body);
  const auto* const file = std::get_if<FileBody>(&response.body);
  const auto* const stream = std::get_if<StreamBody>(&response.body);
  if (stream != nullptr && !is_chunkable_) after = After::close;  // the end of the body
  if (!has_no_body(response.status)) {
    if (text != nullptr) response.headers.set("Content-Length", std::to_string(text->size()));
    if (file != nullptr) response.headers.set("Content-Length", std::to_string(file->length));
    if (stream != nullptr && is_chunkable_) response.headers.set("Transfer-Encoding", "chunked");
  }
  response.headers.set("Date", http_date(core::SystemClock().now()));
  response.headers.set("Connection", after == After::keep ? "keep-alive" : "close");
  const std::string head = response_head(response.status, response.headers);
  if (request.method == "HEAD" || has_no_body(response.status)) {
    co_await write(head);
    co_return after;
  }
  if (text != nullptr) {
    co_await write(head, *text);
    co_return after;
  }
  co_await write(head);
  if (stream != nullptr) {
    const After result = co_await send_stream(*stream);
    co_return result == After::keep ? after : After::close;
  }
  co_await send_file(*file);
  co_return after;
}

Task<> Session::Impl::send_file(const FileBody& file) {
  auto offset = static_cast<off_t>(file.offset);
  std::uint64_t left = file.length;
  while (left > 0) {
    const ssize_t sent = ::sendfile(socket_.native_handle(), file.fd.get(), &offset,
                                    std::min<std::uint64_t>(left, kFilePieceBytes));
    if (sent > 0) {
      left -= static_cast<std::uint64_t>(sent);
      set_deadline(limits_.write);
      continue;
    }
    if (sent == 0) {  // the file became shorter than promised: the connection must not go on
      throw system_error(asio::error::eof);
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) throw system_error(error_code(errno, boost::system::system_category()));
    co_await socket_.async_wait(Socket::wait_write, asio::use_awaitable);
  }
}

Task<Session::Impl::After> Session::Impl::send_stream(const StreamBody& produce) {
  phase_ = Phase::streaming;
  deadline_ = TimePoint::max();
  ChunkWriter writer(*this);
  const auto executor = co_await asio::this_coro::executor;
  auto both = asio::experimental::make_parallel_group(
      asio::co_spawn(executor, produce(writer), asio::deferred),
      asio::co_spawn(executor, watch_peer(), asio::deferred));
  auto [order, failure, watch_failure] =
      co_await both.async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
  if (order[0] != 0) co_return After::close;  // the peer left, or the server closes
  if (failure) {
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& error) {
      core::log::warn("stream ended early",
                      {{"endpoint", origin_.endpoint}, {"error", error.what()}});
    }
    co_return After::close;
  }
  phase_ = Phase::sending;
  set_deadline(limits_.write);
  if (is_chunkable_) co_await write("0\r\n\r\n");
  co_return After::keep;
}

// Ends when the peer is gone or the session is told to end.
Task<> Session::Impl::watch_peer() {
  ssize_t got = -1;
  for (char byte = 0; got < 0;) {  // Asio may wake us for nothing
    co_await socket_.async_wait(Socket::wait_read, asio::use_awaitable);
    got = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN)) co_return;
  }
  // A next request waits already and hides the end behind it: a failing write will tell.
  asio::steady_timer never(co_await asio::this_coro::executor, TimePoint::max());
  co_await never.async_wait(asio::use_awaitable);
}

Task<> Session::Impl::write(std::string_view first, std::string_view second) {
  while (!first.empty() || !second.empty()) {
    const std::array<asio::const_buffer, 2> pieces = {
        asio::const_buffer(first.data(), first.size()),
        asio::const_buffer(second.data(), second.size())};
    set_deadline(limits_.write);
    const std::size_t sent = co_await socket_.async_write_some(pieces, asio::use_awaitable);
    const std::size_t of_first = std::min(sent, first.size());
    first.remove_prefix(of_first);
    second.remove_prefix(sent - of_first);
  }
}

// Takes what the client still sends for a while: closing at once would reset the connection and
// could destroy the answer before it is read.
Task<> Session::Impl::linger() {
  error_code error;
  socket_.shutdown(Socket::shutdown_send, error);
  deadline_ = std::chrono::steady_clock::now() + kLinger;
  buffer_.clear();
  while (!error && !closing_) {
    co_await socket_.async_read_some(buffer_.prepare(kBodyReadBytes),
                                     asio::redirect_error(asio::use_awaitable, error));
  }
}

Session::Session(Socket socket, Origin origin, const Router& router, const ServerLimits& limits,
                 std::uint64_t& all_bodies)
    : impl_(std::make_unique<Impl>(std::move(socket), std::move(origin), router, limits,
                                   all_bodies)) {}
Session::~Session() = default;
Task<> Session::run() {
  return impl_->run();
}
void Session::tick(std::chrono::steady_clock::time_point now) {
  impl_->tick(now);
}
void Session::begin_close() {
  impl_->begin_close();
}

}  // namespace gantry::daemon::http
