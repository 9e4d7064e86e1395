// SPDX-License-Identifier: MIT
// HTTP/1.1 client over TCP, TLS and Unix sockets with keep-alive, deadlines and redirects. Every
// status is an answer; only transport trouble throws (TransportError).
#pragma once

#include "core/base/error.hpp"
#include "daemon/http/message.hpp"
#include "daemon/http/stream.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace gantry::daemon::http {

struct ClientConfig {
  TlsConnector* tls = nullptr;  // without it https is refused; must outlive the client
  std::string user_agent = "gantry";
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds answer_timeout{30'000};  // request sent to end of body
  std::uint64_t body_limit_bytes = 32ULL << 20;
  int redirects = 5;                       // 0: a redirect is an answer
  std::chrono::milliseconds keep{30'000};  // how long an idle connection is used again
};

struct ClientRequest {
  std::string method = "GET";
  std::string url;          // http://host[:port]/path, https://…
  std::string unix_socket;  // connects there instead of to the host of `url`
  Headers headers;
  std::string body;
};

struct ClientResponse {
  int status = 0;
  Headers headers;
  std::string body;
  std::string url;  // where the answer came from after redirects
};

// Whether the server may have carried the request out.
enum class Carried { no, maybe };

class TransportError : public core::Exception {
 public:
  TransportError(core::Error error, Carried carried)
      : core::Exception(std::move(error)), carried_(carried) {}
  Carried carried() const noexcept { return carried_; }

 private:
  Carried carried_;
};

class Client {
 public:
  Client(asio::any_io_executor executor, ClientConfig config);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();

  // A connection kept from before that turns out dead is replaced once, if nothing was answered
  // and the method can be repeated. Redirects follow 301, 302, 307 and 308 with the same method;
  // Authorization and Cookie never go to another host.
  Task<ClientResponse> send(ClientRequest request);

  // The body in pieces as they come (events, big files); the response returned has none. `on_body`
  // returns false to end early. `idle_timeout` bounds each wait for bytes; no redirects.
  using OnBody = std::function<bool(std::string_view bytes)>;
  using OnHead = std::function<void(const ClientResponse& head)>;
  Task<ClientResponse> stream(ClientRequest request, OnHead on_head, OnBody on_body,
                              std::chrono::milliseconds idle_timeout);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gantry::daemon::http
