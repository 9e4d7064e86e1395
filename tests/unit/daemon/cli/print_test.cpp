// SPDX-License-Identifier: MIT
#include "daemon/cli/print.hpp"

#include <doctest.h>

using gantry::daemon::cli::without_control;

TEST_CASE("print: what steers a terminal is shown, not sent; colours are") {
  CHECK(without_control("plain \x1b[31mred\x1b[0m\ttab") == "plain \x1b[31mred\x1b[0m\ttab");
  CHECK(without_control("\x1b]0;title\a") == "^[]0;title^G");
  CHECK(without_control("\x1b[2J\x1b[1;1H") == "^[[2J^[[1;1H");
  CHECK(without_control("a\rb") == "ab");
  CHECK(without_control("\xC2\x9B"
                        "2J and \xC3\xA9") == "^[[2J and \xC3\xA9");
  CHECK(without_control("\x9B"
                        "2J") ==
        "\xEF\xBF\xBD"
        "2J");
}
