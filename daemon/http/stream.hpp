// SPDX-License-Identifier: MIT
// A connected byte stream for the client: TCP, Unix socket, or TLS over TCP. TLS stands behind
// TlsConnector in a library of its own (gantry_http_tls), so that programs without it do not link
// it.
#pragma once

#include "daemon/async/task.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace gantry::daemon::http {

using async::Task;
namespace asio = boost::asio;
using Socket = asio::generic::stream_protocol::socket;

class ByteStream {
 public:
  virtual ~ByteStream() = default;
  // Bytes read; 0 at the end of the stream. Throws boost::system::system_error.
  virtual Task<std::size_t> read_some(std::span<char> into) = 0;
  virtual Task<> write(std::string_view bytes) = 0;
  // Whether the other side is still there and silent, so that the connection can be used again.
  virtual bool is_quiet() = 0;
};

class TlsConnector {
 public:
  virtual ~TlsConnector() = default;
  // Handshakes as client with `host`; throws when the certificate is not for that host.
  virtual Task<std::unique_ptr<ByteStream>> handshake(Socket socket, std::string host) = 0;
};

std::unique_ptr<ByteStream> plain_stream(Socket socket);
Task<Socket> connect_tcp(std::string host, std::string port);
Task<Socket> connect_unix(std::string path);
// Whether nothing, not even an end, waits to be read.
bool is_quiet(Socket& socket);

}  // namespace gantry::daemon::http
