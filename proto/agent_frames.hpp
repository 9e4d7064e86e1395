// SPDX-License-Identifier: MIT
// The protocol between gantry-runner and gantry-agent: frames on a Unix stream socket.
// A frame is a u32 length (little endian, of what follows), a u8 type, and the fields: integers
// little endian, texts and lists with a u32 count in front. The descriptors of a start frame travel
// by SCM_RIGHTS with its first byte.
// Replies come out of a sandbox and are hostile: every size is bounded, nothing is trusted.
#pragma once

#include "core/base/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace gantry::proto::agent {

inline constexpr std::uint32_t kVersion = 2;
inline constexpr std::size_t kMaxRequestBytes = 8 << 20;  // argv and env; the kernel takes less
inline constexpr std::size_t kMaxReplyBytes = 1 << 10;
inline constexpr std::size_t kMaxStrings = 1 << 16;

// Runner to agent.
struct Start {
  std::uint32_t step = 0;         // chosen by the runner, not 0, not one that is running
  std::vector<std::string> argv;  // argv[0] is looked up in the PATH of `env` when without slash
  std::vector<std::string> env;   // NAME=value
  std::string cwd;
  std::uint8_t descriptors = 1;  // sent along: standard output [and standard error]
  bool operator==(const Start&) const = default;
};
struct Signal {
  std::uint32_t step = 0;  // to its process group; 0: to every process of the sandbox
  std::int32_t signo = 0;
  bool operator==(const Signal&) const = default;
};
// Asks for a socket that listens on 127.0.0.1 of the sandbox's network. It comes over the
// descriptor sent along, by SCM_RIGHTS beside an i32: 0, or the errno and no socket.
struct Listen {
  bool operator==(const Listen&) const = default;
};
struct Bye {  // ends the agent, and with it the sandbox
  bool operator==(const Bye&) const = default;
};
using Request = std::variant<Start, Signal, Listen, Bye>;

// Agent to runner. Hello is the first frame; the runner may send before it has come.
struct Hello {
  std::uint32_t version = kVersion;
  bool operator==(const Hello&) const = default;
};
struct Started {
  std::uint32_t step = 0;
  std::int32_t pid = 0;  // inside the sandbox's pid namespace
  bool operator==(const Started&) const = default;
};
enum class SetupPhase : std::uint8_t { descriptors, folder, program, process };
struct SetupFailed {  // the step never ran
  std::uint32_t step = 0;
  SetupPhase phase = SetupPhase::process;
  std::int32_t error_number = 0;
  bool operator==(const SetupFailed&) const = default;
};
enum class ExitKind : std::uint8_t { exited, signaled };
struct Exited {
  std::uint32_t step = 0;
  ExitKind kind = ExitKind::exited;
  std::int32_t value = 0;  // exit code or signal number
  std::uint64_t user_usec = 0;
  std::uint64_t system_usec = 0;
  std::uint64_t max_rss_bytes = 0;
  bool operator==(const Exited&) const = default;
};
using Reply = std::variant<Hello, Started, SetupFailed, Exited>;

// Refuses what the other side would refuse (too_large).
core::Result<std::string> encode(const Request& request);
std::string encode(const Reply& reply);

// The payload of one frame (without the length). Refuses a wrong type, a size that does not fit
// and left-over bytes, with Errc::protocol.
core::Result<Request> decode_request(std::string_view payload);
core::Result<Reply> decode_reply(std::string_view payload);

// Cuts a byte stream into payloads.
class FrameBuffer {
 public:
  explicit FrameBuffer(std::size_t max_payload_bytes) : limit_(max_payload_bytes) {}
  void append(std::string_view bytes) { bytes_.append(bytes); }
  // The next whole payload, valid until the next call; nothing: more bytes are needed.
  // After an error the stream is of no more use.
  core::Result<std::optional<std::string_view>> next();

 private:
  std::size_t limit_;
  std::size_t taken_ = 0;
  std::string bytes_;
};

}  // namespace gantry::proto::agent
