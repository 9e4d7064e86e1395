// SPDX-License-Identifier: MIT
#include "daemon/http/socket_writer.hpp"

#include "core/base/error.hpp"

#include <boost/asio.hpp>
#include <sys/sendfile.h>

#include <algorithm>
#include <array>
#include <cstdio>

namespace gantry::daemon::http {
namespace {

using boost::system::error_code;
using boost::system::system_error;

constexpr std::size_t kFilePieceBytes = 256 << 10;

}  // namespace

Task<> SocketWriter::write(std::string_view first, std::string_view second) {
  while (!first.empty() || !second.empty()) {
    const std::array<asio::const_buffer, 2> pieces = {
        asio::const_buffer(first.data(), first.size()),
        asio::const_buffer(second.data(), second.size())};
    put_off();
    const std::size_t sent = co_await socket_.async_write_some(pieces, asio::use_awaitable);
    const std::size_t of_first = std::min(sent, first.size());
    first.remove_prefix(of_first);
    second.remove_prefix(sent - of_first);
  }
}

Task<> SocketWriter::send_file(const FileBody& file) {
  auto offset = static_cast<off_t>(file.offset);
  std::uint64_t left = file.length;
  while (left > 0) {
    const ssize_t sent = ::sendfile(socket_.native_handle(), file.fd.get(), &offset,
                                    std::min<std::uint64_t>(left, kFilePieceBytes));
    if (sent > 0) {
      left -= static_cast<std::uint64_t>(sent);
      put_off();
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

Task<> ChunkWriter::write(std::string_view bytes) {
  if (bytes.empty()) co_return;
  try {
    if (form_ == Form::plain) {
      co_await writer_.write(bytes);
    } else {
      std::array<char, 24> size{};
      std::snprintf(size.data(), size.size(), "%zx\r\n", bytes.size());
      frame_ = size.data();
      frame_ += bytes;
      frame_ += "\r\n";
      co_await writer_.write(frame_);
    }
  } catch (const system_error&) {
    throw core::Exception(core::Errc::cancelled, "sending a stream: the client went away");
  }
  // Silence of the producer is not the client's fault.
  writer_.deadline_ = SocketWriter::TimePoint::max();
}

}  // namespace gantry::daemon::http
