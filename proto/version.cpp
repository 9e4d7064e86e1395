// SPDX-License-Identifier: MIT
#include "proto/version.hpp"

namespace gantry::proto {

std::string_view product_version() {
  return GANTRY_VERSION;
}

}  // namespace gantry::proto
