// SPDX-License-Identifier: MIT
// A server on a thread of its own, and a blocking socket to talk to it byte by byte.
#pragma once

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/unique_fd.hpp"
#include "daemon/async/runtime.hpp"
#include "daemon/http/router.hpp"
#include "daemon/http/server.hpp"

#include <arpa/inet.h>
#include <boost/asio.hpp>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <array>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

namespace gantry::test {

namespace http = daemon::http;
using daemon::async::Task;

// Runs `task` to its end on a loop of its own and hands its exception on.
inline void run(Task<> task) {
  daemon::async::Runtime runtime;
  daemon::async::run_to_end(runtime, std::move(task));
}

class ServerThread {
 public:
  explicit ServerThread(const http::Router& router, http::ServerLimits limits = {})
      : server_(runtime_.executor(), router, limits) {
    server_.listen({"tcp", http::ListenTcp{}});
    server_.listen({"unix", http::ListenUnix{unix_path(), 0600}});
    port_ = server_.port("tcp");
    thread_ = std::thread([this] { runtime_.run(); });
  }
  ServerThread(const ServerThread&) = delete;
  ServerThread& operator=(const ServerThread&) = delete;
  ~ServerThread() {
    close(std::chrono::milliseconds(500));
    busy_.reset();
    thread_.join();
  }

  std::uint16_t port() const { return port_; }
  std::string url(std::string_view path) const {
    return "http://127.0.0.1:" + std::to_string(port_) + std::string(path);
  }
  std::filesystem::path unix_path() const { return folder_.path() / "http.sock"; }

  // Runs `function` on the server's thread.
  template <class F>
  auto on_loop(F function) {
    // Shared, because the loop may still hold it when the result is there.
    const auto task =
        std::make_shared<std::packaged_task<std::invoke_result_t<F&>()>>(std::move(function));
    boost::asio::post(runtime_.executor(), [task] { (*task)(); });
    return task->get_future().get();
  }
  std::size_t connections() {
    return on_loop([this] { return server_.connections(); });
  }
  void close(std::chrono::milliseconds grace) {
    const auto done = std::make_shared<std::promise<void>>();  // as in on_loop
    boost::asio::co_spawn(runtime_.executor(), server_.close(grace),
                          [done](const std::exception_ptr&) { done->set_value(); });
    done->get_future().get();
  }

 private:
  core::TempDir folder_;
  daemon::async::Runtime runtime_;
  boost::asio::executor_work_guard<boost::asio::any_io_executor> busy_{runtime_.executor()};
  http::Server server_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

// A client without manners. Every wait ends after ten seconds.
class RawConnection {
 public:
  explicit RawConnection(std::uint16_t port)
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval limit{10, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    REQUIRE(::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  }
  explicit RawConnection(const std::filesystem::path& unix_socket)
      : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    unix_socket.string().copy(address.sun_path, sizeof address.sun_path - 1);
    const timeval limit{10, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    REQUIRE(::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  }

  void shrink_receive_buffer() {
    const int bytes = 4096;
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  }
  // False when the server has closed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  void end_sending() { ::shutdown(fd_.get(), SHUT_WR); }
  void close() { fd_.reset(); }

  // What comes until `text` was seen, included; REQUIREs that it is.
  std::string read_until(std::string_view text) {
    for (;;) {
      const std::size_t at = buffer_.find(text);
      if (at != std::string::npos) {
        std::string result = buffer_.substr(0, at + text.size());
        buffer_.erase(0, at + text.size());
        return result;
      }
      const bool more = fill();
      REQUIRE_MESSAGE(more, "connection ended; so far: " << buffer_);
    }
  }
  std::string read_to_end() {
    while (fill()) {
    }
    return std::exchange(buffer_, {});
  }
  // One answer with a Content-Length: head and body.
  std::string read_answer() {
    std::string head = read_until("\r\n\r\n");
    const std::size_t at = head.find("Content-Length: ");
    const std::size_t length = at == std::string::npos ? 0 : std::stoul(head.substr(at + 16));
    while (buffer_.size() < length)
      REQUIRE(fill());
    head += buffer_.substr(0, length);
    buffer_.erase(0, length);
    return head;
  }

 private:
  bool fill() {
    std::array<char, 65536> piece{};
    const ssize_t size = ::recv(fd_.get(), piece.data(), piece.size(), 0);
    if (size <= 0) return false;
    buffer_.append(piece.data(), static_cast<std::size_t>(size));
    return true;
  }

  core::UniqueFd fd_;
  std::string buffer_;
};

}  // namespace gantry::test
