// SPDX-License-Identifier: MIT
// The runner's end of the agent protocol: frames out with descriptors, replies in. Never blocks.
#pragma once

#include "core/base/unique_fd.hpp"
#include "proto/agent_frames.hpp"

#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace gantry::daemon::runner {

class ControlSocket {
 public:
  ControlSocket() = default;
  // Non-blocking, close-on-exec. The other end goes to `agent_end`.
  explicit ControlSocket(core::UniqueFd& agent_end);

  int fd() const { return fd_.get(); }
  void close() { fd_.reset(); }
  // Throws Exception for a frame that cannot be built. `fds` stay the caller's. Sent now as far as
  // possible, the rest by flush(). A socket whose other end is gone takes everything.
  void send(const proto::agent::Request& request, const std::vector<int>& fds = {});
  // Keeps what is sent until release().
  void hold() { held_ = true; }
  void release();
  // True while something waits for room: flush() when the socket becomes writable.
  bool wants_to_write() const { return !held_ && !waiting_.empty(); }
  void flush();

  enum class State { open, closed };
  // Takes in what is there; Error: the other side broke the protocol.
  core::Result<State> receive();
  core::Result<std::optional<proto::agent::Reply>> next_reply();

 private:
  struct Outgoing {
    std::string bytes;
    std::size_t sent = 0;
    std::vector<core::UniqueFd> fds;  // to go with the first byte
  };
  bool send_some(Outgoing& outgoing, const std::vector<int>& fds);

  core::UniqueFd fd_;
  bool held_ = false;
  std::deque<Outgoing> waiting_;
  proto::agent::FrameBuffer incoming_{proto::agent::kMaxReplyBytes};
};

}  // namespace gantry::daemon::runner
