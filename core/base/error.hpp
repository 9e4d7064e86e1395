// SPDX-License-Identifier: MIT
// What went wrong, as a value (Error) or thrown (Exception). Used by every room.
// Message form: `doing what 'object': why; what to do`: lower case, no full stop,
// user text in single quotes. The printer adds the severity.
#pragma once

#include <exception>
#include <string>
#include <string_view>

namespace gantry::core {

// What a caller can decide on. Everything else is in the text.
enum class Errc {
  invalid,      // the input is wrong; repeating it changes nothing
  not_found,    // no such thing
  denied,       // not allowed
  conflict,     // the state of the thing forbids it now
  too_large,    // a stated limit is passed
  unavailable,  // something we depend on is not there; may come back
  timed_out,
  cancelled,
  protocol,  // the other side broke the protocol
  io,        // errno, SQLite, disk
  internal,  // a bug
};

struct Error {
  Errc code = Errc::internal;
  std::string message;

  // Puts `doing: ` before the message: the outer activity, e.g. "reading config 'x.yaml'".
  [[nodiscard]] Error while_doing(std::string_view doing) &&;
};

// A broken environment. Caught only at the borders named in docs/architecture.md.
class Exception : public std::exception {
 public:
  explicit Exception(Error error) : error_(std::move(error)) {}
  Exception(Errc code, std::string message) : error_{code, std::move(message)} {}
  const char* what() const noexcept override { return error_.message.c_str(); }
  const Error& error() const noexcept { return error_; }

 private:
  Error error_;
};

// "doing: <strerror(number)>", with a code that fits the number.
Error errno_error(std::string_view doing, int number);

// Throws errno_error(doing, errno); errno is read first.
[[noreturn]] void throw_errno(std::string_view doing);

std::string_view to_string(Errc code);

}  // namespace gantry::core
