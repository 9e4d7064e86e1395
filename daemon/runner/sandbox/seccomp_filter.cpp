// SPDX-License-Identifier: MIT
#include "daemon/runner/sandbox/seccomp_filter.hpp"

namespace gantry::daemon::runner {

namespace {

constexpr unsigned char kFilter[] = {
#include "seccomp_filter.inc"
};

}  // namespace

std::string_view seccomp_filter() {
  return {reinterpret_cast<const char*>(kFilter), sizeof kFilter};
}

}  // namespace gantry::daemon::runner
