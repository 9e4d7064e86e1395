// SPDX-License-Identifier: MIT
// HTTP/1.1 server on TCP and Unix sockets. Hostile clients cost at most the limits: a refused
// request is answered and its connection closed; an exception of a handler is a 500 and a log line.
#pragma once

#include "core/base/unique_fd.hpp"
#include "daemon/async/runtime.hpp"
#include "daemon/http/message.hpp"
#include "daemon/http/router.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <variant>

namespace gantry::daemon::http {

struct ListenTcp {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  // 0: the kernel chooses, see Server::port
};
struct ListenUnix {
  std::filesystem::path path;
  unsigned mode = 0660;
};
struct Endpoint {
  std::string name;  // given to handlers as Request::endpoint
  std::variant<ListenTcp, ListenUnix> where;
};

struct ServerLimits {
  std::size_t header_bytes = 16 << 10;  // 431
  // Over TCP, and never more than half of the process's descriptors; more wait in the kernel's
  // queue. Who may open the Unix socket is not kept waiting by strangers.
  std::size_t connections = 1024;
  std::uint64_t bodies_bytes = 128 << 20;    // of all TCP requests being received; 503
  std::chrono::milliseconds header{10'000};  // first byte to end of header
  std::chrono::milliseconds body{60'000};    // end of header to end of body
  std::chrono::milliseconds idle{75'000};    // between requests
  std::chrono::milliseconds write{30'000};   // without any byte taken by the client
};

class Server {
 public:
  // `router` must be complete and outlive the server.
  Server(asio::any_io_executor executor, const Router& router, ServerLimits limits = {});
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();  // after close(), or after the loop has ended

  // Accepts from now on. Throws Exception naming the address when it cannot. A Unix socket left by
  // a dead server is replaced; one that answers is refused.
  void listen(const Endpoint& endpoint);
  // The same with a TCP socket that listens already.
  void listen(std::string name, core::UniqueFd socket);
  std::uint16_t port(std::string_view endpoint_name) const;
  std::size_t connections() const;

  // Stops accepting, ends idle connections and streams, gives running requests `grace`, then cuts.
  async::Task<> close(std::chrono::milliseconds grace);

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with the sessions
};

}  // namespace gantry::daemon::http
