// SPDX-License-Identifier: MIT
#include "core/base/error.hpp"

#include "core/base/result.hpp"

#include <doctest/doctest.h>

#include <cerrno>

using namespace gantry::core;

namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return fail(Errc::invalid, "'" + std::to_string(number) + "' is odd");
  return number / 2;
}

Result<int> quarter(int number) {
  TRY(const int once, half(number));
  TRY(const int twice, half(once));
  return twice;
}

}  // namespace

TEST_CASE("error: the outer activity stands before the reason") {
  Error error{Errc::io, "no space left"};
  CHECK(std::move(error).while_doing("writing 'x'").message == "writing 'x': no space left");
}

TEST_CASE("error: errno picks a code a caller can decide on") {
  CHECK(errno_error("opening 'x'", ENOENT).code == Errc::not_found);
  CHECK(errno_error("opening 'x'", ENOENT).message == "opening 'x': No such file or directory");
}

TEST_CASE("result: TRY hands the first error up") {
  CHECK(*quarter(8) == 2);
  CHECK(quarter(6).error().message == "'3' is odd");
  CHECK_THROWS_WITH_AS(or_throw(quarter(7), "counting"), "counting: '7' is odd", Exception);
}
