// SPDX-License-Identifier: MIT
#include "daemon/http/stream.hpp"

#include "core/base/error.hpp"
#include "core/base/unique_fd.hpp"

#include <boost/asio.hpp>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <vector>

namespace gantry::daemon::http {
namespace {

using boost::system::error_code;

class PlainStream final : public ByteStream {
 public:
  explicit PlainStream(Socket socket) : socket_(std::move(socket)) {}

  Task<std::size_t> read_some(std::span<char> into) override {
    error_code error;
    const std::size_t size = co_await socket_.async_read_some(
        asio::buffer(into.data(), into.size()), asio::redirect_error(asio::use_awaitable, error));
    if (error == asio::error::eof) co_return 0;
    if (error) throw boost::system::system_error(error);
    co_return size;
  }

  Task<> write(std::string_view bytes) override {
    co_await asio::async_write(socket_, asio::buffer(bytes), asio::use_awaitable);
  }

  bool is_quiet() override { return http::is_quiet(socket_); }

 private:
  Socket socket_;
};

Socket open_socket(const asio::any_io_executor& executor, int family) {
  core::UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) core::throw_errno("opening a socket");
  Socket socket(executor);
  socket.assign(asio::generic::stream_protocol(family, 0), fd.get());
  static_cast<void>(fd.release());
  return socket;
}

Task<std::vector<asio::ip::tcp::endpoint>> resolve(std::string host, std::string port) {
  std::vector<asio::ip::tcp::endpoint> found;
  error_code error;
  const auto address = asio::ip::make_address(host, error);
  if (!error) {
    found.emplace_back(address, static_cast<std::uint16_t>(std::stoul(port)));
    co_return found;
  }
  asio::ip::tcp::resolver resolver(co_await asio::this_coro::executor);
  const auto results = co_await resolver.async_resolve(host, port, asio::use_awaitable);
  for (const auto& result : results)
    found.push_back(result.endpoint());
  co_return found;
}

}  // namespace

bool is_quiet(Socket& socket) {
  char byte = 0;
  const ssize_t got = ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && errno == EAGAIN;
}

std::unique_ptr<ByteStream> plain_stream(Socket socket) {
  return std::make_unique<PlainStream>(std::move(socket));
}

Task<Socket> connect_tcp(std::string host, std::string port) {
  const auto executor = co_await asio::this_coro::executor;
  const auto endpoints = co_await resolve(std::move(host), std::move(port));
  error_code error = asio::error::host_not_found;
  for (const auto& endpoint : endpoints) {
    Socket socket = open_socket(executor, endpoint.protocol().family());
    co_await socket.async_connect(endpoint, asio::redirect_error(asio::use_awaitable, error));
    if (error) continue;
    const int yes = 1;
    ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    co_return socket;
  }
  throw boost::system::system_error(error);
}

Task<Socket> connect_unix(std::string path) {
  Socket socket = open_socket(co_await asio::this_coro::executor, AF_UNIX);
  const asio::local::stream_protocol::endpoint endpoint(path);
  co_await socket.async_connect(endpoint, asio::use_awaitable);
  co_return socket;
}

}  // namespace gantry::daemon::http
