// SPDX-License-Identifier: MIT
#include "daemon/http/tls.hpp"

#include "core/base/error.hpp"

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>

#include <optional>

namespace gantry::daemon::http {
namespace {

namespace ssl = asio::ssl;
using boost::system::error_code;

class TlsStream final : public ByteStream {
 public:
  TlsStream(Socket socket, ssl::context& context) : stream_(std::move(socket), context) {}

  Task<> handshake(const std::string& host) {
    stream_.set_verify_mode(ssl::verify_peer);
    stream_.set_verify_callback(ssl::host_name_verification(host));
    // The SSL_set_tlsext_host_name macro without its C cast.
    const auto set = SSL_ctrl(stream_.native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME,
                              TLSEXT_NAMETYPE_host_name, const_cast<char*>(host.c_str()));
    if (set != 1) {
      throw core::Exception(core::Errc::invalid, "naming TLS host '" + host + "': refused");
    }
    co_await stream_.async_handshake(ssl::stream_base::client, asio::use_awaitable);
  }

  Task<std::size_t> read_some(std::span<char> into) override {
    error_code error;
    const std::size_t size = co_await stream_.async_read_some(
        asio::buffer(into.data(), into.size()), asio::redirect_error(asio::use_awaitable, error));
    if (error == asio::error::eof) co_return 0;
    if (error) throw boost::system::system_error(error);
    co_return size;
  }

  Task<> write(std::string_view bytes) override {
    co_await asio::async_write(stream_, asio::buffer(bytes), asio::use_awaitable);
  }

  bool is_quiet() override { return http::is_quiet(stream_.next_layer()); }

 private:
  ssl::stream<Socket> stream_;
};

class Connector final : public TlsConnector {
 public:
  explicit Connector(std::filesystem::path ca_file) : ca_file_(std::move(ca_file)) {}

  Task<std::unique_ptr<ByteStream>> handshake(Socket socket, std::string host) override {
    auto stream = std::make_unique<TlsStream>(std::move(socket), context());
    co_await stream->handshake(host);
    std::unique_ptr<ByteStream> result = std::move(stream);
    co_return result;
  }

 private:
  // Made with the first connection: the system's CA certificates are megabytes of memory.
  ssl::context& context() {
    if (context_) return *context_;
    ssl::context fresh(ssl::context::tls_client);
    fresh.set_options(ssl::context::default_workarounds | ssl::context::no_tlsv1 |
                      ssl::context::no_tlsv1_1);
    error_code error;
    if (ca_file_.empty()) {
      fresh.set_default_verify_paths(error);
    } else {
      fresh.load_verify_file(ca_file_.string(), error);
    }
    if (error) {
      throw core::Exception(core::Errc::invalid, "loading CA certificates '" + ca_file_.string() +
                                                     "': " + error.message());
    }
    return context_.emplace(std::move(fresh));
  }

  std::filesystem::path ca_file_;
  std::optional<ssl::context> context_;
};

}  // namespace

std::unique_ptr<TlsConnector> make_tls_connector(std::filesystem::path ca_file) {
  return std::make_unique<Connector>(std::move(ca_file));
}

}  // namespace gantry::daemon::http
