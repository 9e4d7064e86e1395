// SPDX-License-Identifier: MIT
// Also compiled into gantry-agent without exceptions: nothing here throws but on lack of memory.
#include "proto/agent_frames.hpp"

#include <type_traits>

namespace gantry::proto::agent {

namespace {

using core::Errc;
using core::fail;
using core::Result;

enum class Type : std::uint8_t {
  start = 1,
  signal = 2,
  bye = 3,
  listen = 4,
  hello = 65,
  started = 66,
  setup_failed = 67,
  exited = 68,
};

class Writer {
 public:
  explicit Writer(Type type) : bytes_(4, '\0') { number(static_cast<std::uint8_t>(type)); }

  template <std::unsigned_integral T>
  void number(T value) {
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      bytes_.push_back(static_cast<char>((value >> (8 * i)) & 0xff));
    }
  }
  void signed_number(std::int32_t value) { number(static_cast<std::uint32_t>(value)); }
  void text(std::string_view value) {
    number(static_cast<std::uint32_t>(value.size()));
    bytes_.append(value);
  }
  void texts(const std::vector<std::string>& values) {
    number(static_cast<std::uint32_t>(values.size()));
    for (const std::string& value : values)
      text(value);
  }
  std::string finish() && {
    const std::size_t length = bytes_.size() - 4;
    for (std::size_t i = 0; i < 4; ++i)
      bytes_[i] = static_cast<char>((length >> (8 * i)) & 0xff);
    return std::move(bytes_);
  }

 private:
  std::string bytes_;
};

// Reads fields; after the first one that does not fit everything is zero and ok() is false.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  template <std::unsigned_integral T>
  T number() {
    if (!take(sizeof(T))) return 0;
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      value = static_cast<T>(value | static_cast<T>(static_cast<T>(byte(i)) << (8 * i)));
    }
    return value;
  }
  std::int32_t signed_number() { return static_cast<std::int32_t>(number<std::uint32_t>()); }
  std::string text() {
    const auto size = number<std::uint32_t>();
    return take(size) ? std::string(taken_) : std::string();
  }
  std::vector<std::string> texts() {
    const auto count = number<std::uint32_t>();
    std::vector<std::string> values;
    // Four bytes at least for each: a count that cannot fit allocates nothing.
    if (count > kMaxStrings || count > bytes_.size() / 4) ok_ = false;
    for (std::uint32_t i = 0; ok_ && i < count; ++i)
      values.push_back(text());
    return values;
  }
  // A byte that must be at most `highest`.
  std::uint8_t choice(std::uint8_t highest) {
    const auto value = number<std::uint8_t>();
    if (value > highest) ok_ = false;
    return ok_ ? value : std::uint8_t{0};
  }
  bool ok() const { return ok_ && bytes_.empty(); }

 private:
  bool take(std::size_t count) {
    if (!ok_ || count > bytes_.size()) {
      ok_ = false;
      return false;
    }
    taken_ = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return true;
  }
  std::uint8_t byte(std::size_t i) const { return static_cast<std::uint8_t>(taken_[i]); }

  std::string_view bytes_;
  std::string_view taken_;
  bool ok_ = true;
};

bool has_nul(const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    if (text.find('\0') != std::string::npos) return true;
  }
  return false;
}

Start read_start(Reader& reader) {
  Start start;
  start.step = reader.number<std::uint32_t>();
  start.argv = reader.texts();
  start.env = reader.texts();
  start.cwd = reader.text();
  start.descriptors = reader.choice(2);
  return start;
}

Exited read_exited(Reader& reader) {
  Exited exited;
  exited.step = reader.number<std::uint32_t>();
  exited.kind = static_cast<ExitKind>(reader.choice(1));
  exited.value = reader.signed_number();
  exited.user_usec = reader.number<std::uint64_t>();
  exited.system_usec = reader.number<std::uint64_t>();
  exited.max_rss_bytes = reader.number<std::uint64_t>();
  return exited;
}

tl::unexpected<core::Error> malformed(std::string_view what) {
  return fail(Errc::protocol,
              "reading a frame of the agent protocol: malformed " + std::string(what) + " frame");
}

std::string write_start(const Start& start) {
  Writer writer(Type::start);
  writer.number(start.step);
  writer.texts(start.argv);
  writer.texts(start.env);
  writer.text(start.cwd);
  writer.number(start.descriptors);
  return std::move(writer).finish();
}

std::string write_signal(const Signal& signal) {
  Writer writer(Type::signal);
  writer.number(signal.step);
  writer.signed_number(signal.signo);
  return std::move(writer).finish();
}

std::string write_reply(const Hello& hello) {
  Writer writer(Type::hello);
  writer.number(hello.version);
  return std::move(writer).finish();
}

std::string write_reply(const Started& started) {
  Writer writer(Type::started);
  writer.number(started.step);
  writer.signed_number(started.pid);
  return std::move(writer).finish();
}

std::string write_reply(const SetupFailed& failed) {
  Writer writer(Type::setup_failed);
  writer.number(failed.step);
  writer.number(static_cast<std::uint8_t>(failed.phase));
  writer.signed_number(failed.error_number);
  return std::move(writer).finish();
}

std::string write_reply(const Exited& exited) {
  Writer writer(Type::exited);
  writer.number(exited.step);
  writer.number(static_cast<std::uint8_t>(exited.kind));
  writer.signed_number(exited.value);
  writer.number(exited.user_usec);
  writer.number(exited.system_usec);
  writer.number(exited.max_rss_bytes);
  return std::move(writer).finish();
}

}  // namespace

Result<std::string> encode(const Request& request) {
  if (std::holds_alternative<Bye>(request)) return Writer(Type::bye).finish();
  if (std::holds_alternative<Listen>(request)) return Writer(Type::listen).finish();
  if (const auto* signal = std::get_if<Signal>(&request)) return write_signal(*signal);
  const Start& start = *std::get_if<Start>(&request);
  const std::string program = start.argv.empty() ? "" : start.argv.front();
  if (program.empty() || start.step == 0) {
    return fail(Errc::invalid, "starting a step: no program given");
  }
  if (has_nul(start.argv) || has_nul(start.env) || start.cwd.find('\0') != std::string::npos) {
    return fail(Errc::invalid, "starting '" + program +
                                   "': a NUL byte in an argument, an environment variable or the "
                                   "folder; remove it");
  }
  std::string frame = write_start(start);
  if (frame.size() > kMaxRequestBytes || start.argv.size() > kMaxStrings ||
      start.env.size() > kMaxStrings) {
    return fail(Errc::too_large, "starting '" + program + "': arguments and environment take " +
                                     std::to_string(frame.size()) + " bytes, at most " +
                                     std::to_string(kMaxRequestBytes) + " are possible");
  }
  return frame;
}

std::string encode(const Reply& reply) {
  return std::visit([](const auto& each) { return write_reply(each); }, reply);
}

Result<Request> decode_request(std::string_view payload) {
  Reader reader(payload);
  switch (static_cast<Type>(reader.number<std::uint8_t>())) {
    case Type::start: {
      Start start = read_start(reader);
      const bool usable = start.step != 0 && start.descriptors != 0 && !start.argv.empty() &&
                          !has_nul(start.argv) && !has_nul(start.env) &&
                          start.cwd.find('\0') == std::string::npos;
      if (!reader.ok() || !usable) return malformed("start");
      return Request(std::move(start));
    }
    case Type::signal: {
      Signal signal;
      signal.step = reader.number<std::uint32_t>();
      signal.signo = reader.signed_number();
      if (!reader.ok() || signal.signo < 1 || signal.signo > 64) return malformed("signal");
      return Request(signal);
    }
    case Type::bye:
      if (!reader.ok()) return malformed("bye");
      return Request(Bye());
    case Type::listen:
      if (!reader.ok()) return malformed("listen");
      return Request(Listen());
    case Type::hello:
    case Type::started:
    case Type::setup_failed:
    case Type::exited:
      break;
  }
  return malformed("unknown");
}

Result<Reply> decode_reply(std::string_view payload) {
  Reader reader(payload);
  switch (static_cast<Type>(reader.number<std::uint8_t>())) {
    case Type::hello: {
      const Hello hello{reader.number<std::uint32_t>()};
      if (!reader.ok()) return malformed("hello");
      return Reply(hello);
    }
    case Type::started: {
      Started started;
      started.step = reader.number<std::uint32_t>();
      started.pid = reader.signed_number();
      if (!reader.ok()) return malformed("started");
      return Reply(started);
    }
    case Type::setup_failed: {
      SetupFailed failed;
      failed.step = reader.number<std::uint32_t>();
      failed.phase = static_cast<SetupPhase>(reader.choice(3));
      failed.error_number = reader.signed_number();
      if (!reader.ok()) return malformed("setup_failed");
      return Reply(failed);
    }
    case Type::exited: {
      const Exited exited = read_exited(reader);
      if (!reader.ok() || exited.value < 0 || exited.value > 255) return malformed("exited");
      return Reply(exited);
    }
    case Type::start:
    case Type::signal:
    case Type::bye:
    case Type::listen:
      break;
  }
  return malformed("unknown");
}

Result<std::optional<std::string_view>> FrameBuffer::next() {
  bytes_.erase(0, taken_);
  taken_ = 0;
  if (bytes_.size() < 4) return std::optional<std::string_view>();
  std::size_t length = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    length |= static_cast<std::size_t>(static_cast<std::uint8_t>(bytes_[i])) << (8 * i);
  }
  if (length == 0 || length > limit_) {
    return fail(Errc::protocol, "reading a frame of the agent protocol: " + std::to_string(length) +
                                    " bytes announced, 1 to " + std::to_string(limit_) +
                                    " allowed");
  }
  if (bytes_.size() < 4 + length) return std::optional<std::string_view>();
  taken_ = 4 + length;
  return std::optional<std::string_view>(std::string_view(bytes_).substr(4, length));
}

}  // namespace gantry::proto::agent
