// SPDX-License-Identifier: MIT
// Result<T>: what a pure function that can refuse returns. Exceptions are for broken environments.
#pragma once

#include "core/base/error.hpp"

#include <tl/expected.hpp>

#include <utility>

namespace gantry::core {

template <class T = void>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using Base = tl::expected<T, Error>;
  using Base::Base;
};

[[nodiscard]] inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}
[[nodiscard]] inline tl::unexpected<Error> fail(Errc code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

// The one bridge from values to exceptions: the value, or throws with `doing: ` in front.
template <class T>
T or_throw(Result<T> result, std::string_view doing) {
  if (!result) throw Exception(std::move(result.error()).while_doing(doing));
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace gantry::core

#define GANTRY_CONCAT_INNER(a, b) a##b
#define GANTRY_CONCAT(a, b) GANTRY_CONCAT_INNER(a, b)
#define GANTRY_TRY_INNER(temporary, declaration, ...)                            \
  auto temporary = (__VA_ARGS__);                                                \
  if (!(temporary)) return ::gantry::core::fail(std::move((temporary).error())); \
  declaration = std::move(*(temporary))
// TRY(auto x, call()); returns the error of call() from the enclosing function. Not in coroutines.
#define TRY(declaration, ...) \
  GANTRY_TRY_INNER(GANTRY_CONCAT(try_result_, __LINE__), declaration, __VA_ARGS__)
