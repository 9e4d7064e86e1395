// SPDX-License-Identifier: MIT
#include "core/base/log.hpp"

#include <doctest/doctest.h>

using namespace gantry::core;

namespace {

std::string g_text;
void keep(log::Level, std::string_view text) {
  g_text = text;
}

}  // namespace

TEST_CASE("log: a value cannot forge a line or a field") {
  log::set_sink(keep, log::Level::info);
  log::info("job started", {{"job", 3}, {"name", "a b\n\"x\"\x1b"}});
  CHECK(g_text == R"(job started job=3 name="a b\n\"x\"\x1b")");
  g_text.clear();
  log::debug("unseen");
  CHECK(g_text.empty());
  log::set_sink(nullptr, log::Level::info);
}
