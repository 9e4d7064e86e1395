// SPDX-License-Identifier: MIT
#include "daemon/http/session.hpp"

#include "core/base/log.hpp"
#include "core/base/text.hpp"
#include "daemon/http/socket_writer.hpp"
#include "daemon/http/wire.hpp"

#include <boost/asio.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <algorithm>
#include <cstring>

namespace gantry::daemon::http {
namespace {

namespace beast_http = boost::beast::http;
using boost::system::error_code;
using boost::system::system_error;
using Parser = beast_http::request_parser<beast_http::string_body>;
using TimePoint = std::chrono::steady_clock::time_point;

constexpr std::size_t kReadBytes = 8 << 10;
constexpr std::size_t kBodyReadBytes = 64 << 10;
constexpr std::size_t kSmallBody = 128 << 10;
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
  class DirectReader;

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
  Task<After> answer(const Request& request, Response response, After after);
  Task<Received> receive(Parser& parser, Until until);
  Task<Received> receive_body(Parser& parser, const Request& request, std::uint64_t limit_bytes);
  Task<bool> fill();
  std::optional<Response> take_head(const Parser& parser, Request& request);
  Task<After> serve_streamed(const Parser& parser, Request& request, const Router::Match& match);
  std::optional<Response> refuse_body(const Parser& parser, const Request& request,
                                      std::uint64_t limit_bytes) const;
  Task<> say_continue(const Request& request);
  Task<Response> respond(Request& request, const Router::Match& match);
  Task<After> send(const Request& request, Response response, After after);
  Task<After> send_stream(const StreamBody& produce);
  Task<> watch_peer();
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
  SocketWriter writer_{socket_, deadline_, limits_.write};
  Phase phase_ = Phase::idle;
  bool client_gone_ = false;  // in the middle of a streamed request
  bool is_chunkable_ = true;  // HTTP/1.1
  bool expired_ = false;
  bool closing_ = false;
};

// Reads a body straight from the socket, after what came with the head.
class Session::Impl::DirectReader final : public BodyReader {
 public:
  DirectReader(Impl& session, std::uint64_t length)
      : session_(session), length_(length), left_(length) {}

  std::uint64_t length() const override { return length_; }
  bool is_at_end() const { return left_ == 0; }

  Task<std::size_t> read_some(std::span<char> into) override {
    const std::size_t wanted =
        static_cast<std::size_t>(std::min<std::uint64_t>(left_, into.size()));
    if (wanted == 0) co_return 0;
    std::size_t size = std::min(wanted, session_.buffer_.size());
    if (size > 0) {
      std::memcpy(into.data(), session_.buffer_.data().data(), size);
      session_.buffer_.consume(size);
    } else {
      session_.set_deadline(session_.limits_.body);
      error_code error;
      const asio::mutable_buffer space(into.data(), wanted);
      size = co_await session_.socket_.async_read_some(
          space, asio::redirect_error(asio::use_awaitable, error));
      session_.deadline_ = TimePoint::max();
      if (error) {
        session_.client_gone_ = true;
        throw core::Exception(core::Errc::cancelled, "receiving a body: the client went away");
      }
    }
    left_ -= size;
    co_return size;
  }

 private:
  Impl& session_;
  std::uint64_t length_;
  std::uint64_t left_;
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
      if (match.status == 200 && match.options.body == BodyMode::streamed) {
        co_return co_await serve_streamed(parser, request, match);
      }
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
  co_return co_await answer(request, std::move(response), keep ? After::keep : After::close);
}

Task<Session::Impl::After> Session::Impl::answer(const Request& request, Response response,
                                                 After after) {
  after = co_await send(request, std::move(response), after);
  phase_ = Phase::idle;
  forget_body();
  set_deadline(limits_.idle);
  buffer_.shrink_to_fit();
  co_return closing_ ? After::close : after;
}

Task<Session::Impl::After> Session::Impl::serve_streamed(const Parser& parser, Request& request,
                                                         const Router::Match& match) {
  std::optional<Response> refusal = refuse_body(parser, request, match.options.body_limit_bytes);
  if (!refusal && !parser.content_length()) {
    refusal = error_response(411, "the body needs a Content-Length");
  }
  if (refusal) {
    co_await send(request, std::move(*refusal), After::close);
    co_await linger();
    co_return After::close;
  }
  co_await say_continue(request);
  phase_ = Phase::handling;
  deadline_ = TimePoint::max();
  DirectReader reader(*this, *parser.content_length());
  request.stream = &reader;
  Response response = co_await respond(request, match);
  request.stream = nullptr;
  const bool keep = parser.keep_alive() && !closing_ && reader.is_at_end();
  const After after =
      co_await answer(request, std::move(response), keep ? After::keep : After::close);
  if (!reader.is_at_end()) co_await linger();
  co_return after;
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

// What is wrong with the body that is announced.
std::optional<Response> Session::Impl::refuse_body(const Parser& parser, const Request& request,
                                                   std::uint64_t limit_bytes) const {
  const auto length = parser.content_length();
  if (length && *length > limit_bytes) {
    return error_response(413, "the request body is larger than the " +
                                   std::to_string(limit_bytes) + " bytes allowed here");
  }
  const std::string_view expect = request.header("Expect");
  if (!expect.empty() && !core::equals_ignoring_case(expect, "100-continue")) {
    return error_response(417, "only 'Expect: 100-continue' is known here");
  }
  return std::nullopt;
}

Task<> Session::Impl::say_continue(const Request& request) {
  if (request.header("Expect").empty() || buffer_.size() > 0) co_return;
  co_await writer_.write("HTTP/1.1 100 Continue\r\n\r\n");
}

Task<Session::Impl::Received> Session::Impl::receive_body(Parser& parser, const Request& request,
                                                          std::uint64_t limit_bytes) {
  if (auto refusal = refuse_body(parser, request, limit_bytes)) {
    co_return refuse(std::move(*refusal));
  }
  parser.body_limit(limit_bytes);  // for bodies in chunks
  parser.eager(true);
  if (!parser.is_done()) co_await say_continue(request);
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
  if (client_gone_) throw system_error(asio::error::eof);
  core::log::error("request failed", {{"method", request.method},
                                      {"path", request.path},
                                      {"endpoint", request.endpoint},
                                      {"error", failure}});
  co_return error_response(500, "Internal Server Error");
}

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
    co_await writer_.write(head);
    co_return after;
  }
  if (text != nullptr) {
    co_await writer_.write(head, *text);
    co_return after;
  }
  co_await writer_.write(head);
  if (stream != nullptr) {
    const After result = co_await send_stream(*stream);
    co_return result == After::keep ? after : After::close;
  }
  co_await writer_.send_file(*file);
  co_return after;
}

Task<Session::Impl::After> Session::Impl::send_stream(const StreamBody& produce) {
  phase_ = Phase::streaming;
  deadline_ = TimePoint::max();
  ChunkWriter writer(writer_, is_chunkable_ ? ChunkWriter::Form::chunks : ChunkWriter::Form::plain);
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
  if (is_chunkable_) co_await writer_.write("0\r\n\r\n");
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
