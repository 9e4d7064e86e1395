// SPDX-License-Identifier: MIT
// Runners refuse to run as root, so these tests do not either. 77 = skipped, with the reason.
#define DOCTEST_CONFIG_IMPLEMENT
#include "tests/support/unprivileged.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <cstdio>

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  gantry::tests::become_unprivileged();
  if (const std::string reason = gantry::tests::why_no_sandbox(); !reason.empty()) {
    std::printf("SKIPPED: %s\n", reason.c_str());
    return 77;
  }
  doctest::Context context(argc, argv);
  return context.run();
}
