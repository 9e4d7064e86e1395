// SPDX-License-Identifier: MIT
#include "daemon/http/client.hpp"

#include "core/base/text.hpp"
#include "daemon/async/offload.hpp"
#include "daemon/http/wire.hpp"

#include <boost/asio.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <algorithm>
#include <array>
#include <list>
#include <optional>

namespace gantry::daemon::http {
namespace {

namespace beast_http = boost::beast::http;
using boost::system::error_code;
using core::Errc;

constexpr std::size_t kReadBytes = 16 << 10;
constexpr std::size_t kPieceBytes = 64 << 10;

struct Url {
  bool is_tls = false;
  std::string authority;  // host[:port], as for the Host header
  std::string host;
  std::string port;
  std::string target;

  std::string origin() const { return (is_tls ? "https://" : "http://") + authority; }
};

[[noreturn]] void refuse_url(std::string_view url, std::string_view why) {
  throw TransportError(
      {Errc::invalid, "requesting '" + std::string(url) + "': " + std::string(why)}, Carried::no);
}

Url parse_url(const std::string& text) {
  Url url;
  url.is_tls = text.starts_with("https://");
  if (!url.is_tls && !text.starts_with("http://")) {
    refuse_url(text, "the URL must begin with http:// or https://");
  }
  const auto parts = parse_target(text);
  static constexpr std::string_view kBlank(" \r\n\t\0", 5);
  if (!parts || text.find_first_of(kBlank) != std::string::npos) refuse_url(text, "not a URL");
  if (parts->host.find('@') != std::string::npos) {
    refuse_url(parts->host.substr(parts->host.rfind('@') + 1), "credentials in URLs are refused");
  }
  url.authority = parts->host;
  url.target = parts->target.substr(0, parts->target.find('#'));
  url.host = parts->host;
  url.port = url.is_tls ? "443" : "80";
  const std::size_t bracket = url.host.rfind(']');
  const std::size_t colon = url.host.rfind(':');
  if (colon != std::string::npos && (bracket == std::string::npos || colon > bracket)) {
    url.port = url.host.substr(colon + 1);
    url.host.resize(colon);
  }
  if (bracket != std::string::npos && url.host.starts_with('[')) {
    url.host = url.host.substr(1, bracket - 1);
  }
  const bool is_number = !url.port.empty() && url.port.size() <= 5 &&
                         url.port.find_first_not_of("0123456789") == std::string::npos;
  if (!is_number || std::stoul(url.port) > 65535) refuse_url(text, "the port is not a number");
  return url;
}

bool is_repeatable(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE";
}
bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// Where a redirect leads, from `base`; "" when the answer does not say.
std::string redirect_target(const Url& base, const ClientResponse& response) {
  std::string location(response.headers.find("Location").value_or(""));
  if (location.starts_with("http://") || location.starts_with("https://")) return location;
  if (location.starts_with("//")) return (base.is_tls ? "https:" : "http:") + location;
  if (location.starts_with('/')) return base.origin() + location;
  return {};
}

template <class Message>
void take_head(const Message& message, ClientResponse& response) {
  response.status = static_cast<int>(message.result_int());
  response.headers.fields.clear();
  for (const auto& field : message)
    response.headers.add(field.name_string(), field.value());
}

}  // namespace

struct Client::State {
  struct Connection {
    std::string key;  // who is on the other end
    std::unique_ptr<ByteStream> stream;
    boost::beast::flat_buffer buffer;
    std::chrono::steady_clock::time_point kept_since;
    bool is_reused = false;
    bool is_answered = false;  // a byte of the answer was read
  };

  std::optional<Connection> take_kept(const std::string& key);
  void keep(Connection connection);
  Task<Connection> connect(const Url& url, const std::string& unix_socket);
  Task<bool> fill(Connection& connection);
  Task<> write_request(Connection& connection, const Url& url, const ClientRequest& request);
  template <class Parser>
  Task<> read_head(Connection& connection, std::optional<Parser>& parser, bool is_head);
  Task<bool> read_answer(Connection& connection, const ClientRequest& request,
                         ClientResponse& response);
  Task<ClientResponse> send_once(const Url& url, const ClientRequest& request);

  asio::any_io_executor executor;
  ClientConfig config;
  std::list<Connection> kept;
};

std::optional<Client::State::Connection> Client::State::take_kept(const std::string& key) {
  const auto now = std::chrono::steady_clock::now();
  std::erase_if(kept, [&](Connection& c) {
    return now - c.kept_since > config.keep || !c.stream->is_quiet();
  });
  const auto found = std::find_if(kept.begin(), kept.end(), [&](auto& c) { return c.key == key; });
  if (found == kept.end()) return std::nullopt;
  Connection connection = std::move(*found);
  kept.erase(found);
  connection.is_reused = true;
  connection.is_answered = false;
  return connection;
}

void Client::State::keep(Connection connection) {
  connection.kept_since = std::chrono::steady_clock::now();
  connection.buffer.shrink_to_fit();
  kept.push_back(std::move(connection));
  if (kept.size() > 8) kept.pop_front();
}

Task<Client::State::Connection> Client::State::connect(const Url& url,
                                                       const std::string& unix_socket) {
  const auto open = [](State& self, const Url& to,
                       const std::string& path) -> Task<std::unique_ptr<ByteStream>> {
    if (!path.empty()) co_return plain_stream(co_await connect_unix(path));
    Socket socket = co_await connect_tcp(to.host, to.port);
    if (!to.is_tls) co_return plain_stream(std::move(socket));
    co_return co_await self.config.tls->handshake(std::move(socket), to.host);
  };
  const std::string where = unix_socket.empty() ? url.origin() : unix_socket;
  if (url.is_tls && unix_socket.empty() && config.tls == nullptr) {
    refuse_url(where, "this program speaks no TLS; use http:// or a Unix socket");
  }
  std::string doing = "connecting to '" + where + "'";
  Connection connection;
  connection.key = where;
  try {
    auto opening =
        async::with_timeout(config.connect_timeout, doing, open(*this, url, unix_socket));
    connection.stream = co_await std::move(opening);
  } catch (const boost::system::system_error& error) {
    throw TransportError({Errc::unavailable, doing + ": " + error.code().message()}, Carried::no);
  } catch (const core::Exception& error) {
    throw TransportError(error.error(), Carried::no);
  }
  co_return connection;
}

Task<bool> Client::State::fill(Connection& connection) {
  const auto space = connection.buffer.prepare(kReadBytes);
  const std::span<char> into(static_cast<char*>(space.data()), space.size());
  const std::size_t size = co_await connection.stream->read_some(into);
  connection.buffer.commit(size);
  if (size > 0) connection.is_answered = true;
  co_return size > 0;
}

Task<> Client::State::write_request(Connection& connection, const Url& url,
                                    const ClientRequest& request) {
  Headers headers;
  headers.add("Host", url.authority);
  for (const auto& [name, value] : request.headers.fields)
    headers.add(name, value);
  if (!headers.find("User-Agent")) headers.add("User-Agent", config.user_agent);
  const bool has_body = !request.body.empty() || request.method == "POST" ||
                        request.method == "PUT" || request.method == "PATCH";
  if (has_body) headers.set("Content-Length", std::to_string(request.body.size()));
  if (is_unsafe(headers)) refuse_url(url.origin(), "a header holds a line break");
  std::string text = request_head(request.method, url.target, headers);
  if (request.body.size() <= kPieceBytes) {
    text += request.body;
    co_await connection.stream->write(text);
  } else {
    co_await connection.stream->write(text);
    co_await connection.stream->write(request.body);
  }
}

// Past any 1xx answers to the head of the real one.
template <class Parser>
Task<> Client::State::read_head(Connection& connection, std::optional<Parser>& parser,
                                bool is_head) {
  for (;;) {
    parser.emplace();
    parser->header_limit(64 * 1024);
    parser->body_limit(boost::none);
    parser->eager(false);
    parser->skip(is_head);
    while (!parser->is_header_done()) {
      error_code error;
      std::size_t taken = 0;
      if (connection.buffer.size() > 0) taken = parser->put(connection.buffer.data(), error);
      connection.buffer.consume(taken);
      if (error && error != beast_http::error::need_more) throw boost::system::system_error(error);
      if (taken > 0 && !error) continue;
      const bool more = co_await fill(connection);
      if (!more) throw boost::system::system_error(asio::error::eof);
    }
    const unsigned status = parser->get().result_int();
    if (status >= 200 || status == 101) co_return;
  }
}

// Whether the connection can be used again.
Task<bool> Client::State::read_answer(Connection& connection, const ClientRequest& request,
                                      ClientResponse& response) {
  std::optional<beast_http::response_parser<beast_http::string_body>> parser;
  co_await read_head(connection, parser, request.method == "HEAD");
  const auto length = parser->content_length();
  const bool too_large = length && *length > config.body_limit_bytes && request.method != "HEAD";
  if (too_large) throw boost::system::system_error(make_error_code(beast_http::error::body_limit));
  parser->body_limit(config.body_limit_bytes);
  parser->eager(true);
  while (!parser->is_done()) {
    error_code error;
    std::size_t taken = 0;
    if (connection.buffer.size() > 0) taken = parser->put(connection.buffer.data(), error);
    connection.buffer.consume(taken);
    if (error && error != beast_http::error::need_more) throw boost::system::system_error(error);
    if (taken > 0 && !error) continue;
    const bool more = co_await fill(connection);
    if (more) continue;
    error.clear();
    parser->put_eof(error);
    if (error) throw boost::system::system_error(error);
  }
  take_head(parser->get(), response);
  response.body = std::move(parser->get().body());
  co_return parser->keep_alive() && connection.buffer.size() == 0;
}

Task<ClientResponse> Client::State::send_once(const Url& url, const ClientRequest& request) {
  const std::string key = request.unix_socket.empty() ? url.origin() : request.unix_socket;
  const std::string doing = request.method + " '" + url.origin() + url.target + "'";
  const auto converse = [](State& self, Connection& on, const Url& to, const ClientRequest& what,
                           ClientResponse& into) -> Task<bool> {
    co_await self.write_request(on, to, what);
    co_return co_await self.read_answer(on, what, into);
  };
  for (;;) {
    std::optional<Connection> connection = take_kept(key);
    if (!connection) connection = co_await connect(url, request.unix_socket);
    ClientResponse response;
    core::Error failure;
    try {
      auto exchange = async::with_timeout(config.answer_timeout, doing,
                                          converse(*this, *connection, url, request, response));
      const bool reusable = co_await std::move(exchange);
      if (reusable) keep(std::move(*connection));
      response.url = url.origin() + url.target;
      co_return response;
    } catch (const boost::system::system_error& error) {
      failure = core::Error{Errc::unavailable, doing + ": " + error.code().message()};
    } catch (const TransportError&) {
      throw;
    } catch (const core::Exception& error) {
      throw TransportError(error.error(), Carried::maybe);
    }
    const bool was_stale = connection->is_reused && !connection->is_answered;
    if (!was_stale || !is_repeatable(request.method)) {
      throw TransportError(std::move(failure), Carried::maybe);
    }
  }
}

Client::Client(asio::any_io_executor executor, ClientConfig config)
    : state_(std::make_unique<State>()) {
  state_->executor = std::move(executor);
  state_->config = std::move(config);
}

Client::~Client() = default;

Task<ClientResponse> Client::send(ClientRequest request) {
  Url url = parse_url(request.url);
  for (int left = request.unix_socket.empty() ? state_->config.redirects : 0;; --left) {
    ClientResponse response = co_await state_->send_once(url, request);
    const std::string next = is_redirect(response.status) ? redirect_target(url, response) : "";
    if (next.empty() || left <= 0) co_return response;
    Url next_url = parse_url(next);
    if (url.is_tls && !next_url.is_tls) refuse_url(next, "a redirect from https to http");
    if (next_url.origin() != url.origin()) {
      std::erase_if(request.headers.fields, [](const auto& field) {
        return core::equals_ignoring_case(field.first, "Authorization") ||
               core::equals_ignoring_case(field.first, "Cookie");
      });
    }
    if (response.status == 303 && request.method != "HEAD") {
      request.method = "GET";
      request.body.clear();
    }
    url = std::move(next_url);
  }
}

Task<ClientResponse> Client::stream(ClientRequest request, OnHead on_head, OnBody on_body,
                                    std::chrono::milliseconds idle_timeout) {
  const Url url = parse_url(request.url);
  const std::string doing = request.method + " '" + url.origin() + url.target + "'";
  State& self = *state_;
  auto connection = co_await self.connect(url, request.unix_socket);
  ClientResponse response;
  response.url = url.origin() + url.target;
  std::optional<beast_http::response_parser<beast_http::buffer_body>> parser;
  try {
    const auto open = [](State& state, State::Connection& on, const Url& to,
                         const ClientRequest& what, auto& into) -> Task<> {
      co_await state.write_request(on, to, what);
      co_await state.read_head(on, into, what.method == "HEAD");
    };
    co_await async::with_timeout(self.config.answer_timeout, doing,
                                 open(self, connection, url, request, parser));
    take_head(parser->get(), response);
    if (on_head) on_head(response);
    std::vector<char> piece(kPieceBytes);
    while (!parser->is_done()) {
      auto& body = parser->get().body();
      body.data = piece.data();
      body.size = piece.size();
      error_code error;
      std::size_t taken = 0;
      if (connection.buffer.size() > 0) taken = parser->put(connection.buffer.data(), error);
      connection.buffer.consume(taken);
      const std::size_t size = piece.size() - body.size;
      if (size > 0 && !on_body(std::string_view(piece.data(), size))) co_return response;
      const bool is_hungry = error == beast_http::error::need_more;
      if (error && !is_hungry && error != beast_http::error::need_buffer) {
        throw boost::system::system_error(error);
      }
      if (taken > 0 && !is_hungry) continue;
      const bool more = co_await async::with_timeout(idle_timeout, doing, self.fill(connection));
      if (more) continue;
      error.clear();
      parser->put_eof(error);
      if (error) throw boost::system::system_error(error);
    }
  } catch (const boost::system::system_error& error) {
    throw TransportError({Errc::unavailable, doing + ": " + error.code().message()},
                         Carried::maybe);
  }
  co_return response;
}

}  // namespace gantry::daemon::http
