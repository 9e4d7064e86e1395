// SPDX-License-Identifier: MIT
#include "core/base/error.hpp"

#include <cerrno>
#include <system_error>

namespace gantry::core {

Error Error::while_doing(std::string_view doing) && {
  std::string text(doing);
  text += ": ";
  text += message;
  message = std::move(text);
  return std::move(*this);
}

Error errno_error(std::string_view doing, int number) {
  Errc code = Errc::io;
  if (number == ENOENT) code = Errc::not_found;
  if (number == EACCES || number == EPERM) code = Errc::denied;
  if (number == EEXIST || number == EADDRINUSE) code = Errc::conflict;
  if (number == ETIMEDOUT) code = Errc::timed_out;
  Error error{code, std::generic_category().message(number)};
  return std::move(error).while_doing(doing);
}

void throw_errno(std::string_view doing) {
  const int number = errno;
  throw Exception(errno_error(doing, number));
}

std::string_view to_string(Errc code) {
  switch (code) {
    case Errc::invalid:
      return "invalid";
    case Errc::not_found:
      return "not_found";
    case Errc::denied:
      return "denied";
    case Errc::conflict:
      return "conflict";
    case Errc::too_large:
      return "too_large";
    case Errc::unavailable:
      return "unavailable";
    case Errc::timed_out:
      return "timed_out";
    case Errc::cancelled:
      return "cancelled";
    case Errc::protocol:
      return "protocol";
    case Errc::io:
      return "io";
    case Errc::internal:
      return "internal";
  }
  return "internal";
}

}  // namespace gantry::core
