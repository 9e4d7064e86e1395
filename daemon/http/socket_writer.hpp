// SPDX-License-Identifier: MIT
// Sending on a session's socket: text, files, chunks. Each byte the client takes puts the session's
// deadline off. Internal to gantry_http.
#pragma once

#include "daemon/http/message.hpp"
#include "daemon/http/stream.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace gantry::daemon::http {

class SocketWriter {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  SocketWriter(Socket& socket, TimePoint& deadline, std::chrono::milliseconds patience)
      : socket_(socket), deadline_(deadline), patience_(patience) {}

  // Throw boost::system::system_error.
  Task<> write(std::string_view first, std::string_view second = {});
  Task<> send_file(const FileBody& file);

 private:
  friend class ChunkWriter;
  void put_off() { deadline_ = std::chrono::steady_clock::now() + patience_; }

  Socket& socket_;
  TimePoint& deadline_;
  std::chrono::milliseconds patience_;
};

// Writes the pieces of a streamed body, each as one chunk, or as they are for HTTP/1.0.
class ChunkWriter final : public BodyWriter {
 public:
  enum class Form { chunks, plain };
  ChunkWriter(SocketWriter& writer, Form form) : writer_(writer), form_(form) {}
  Task<> write(std::string_view bytes) override;

 private:
  SocketWriter& writer_;
  Form form_;
  std::string frame_;
};

}  // namespace gantry::daemon::http
