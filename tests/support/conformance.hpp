// SPDX-License-Identifier: MIT
// Public test data that lies beside the project, never in it: $GANTRY_CONFORMANCE_DIR, else
// ../shared/conformance.
#pragma once

#include "core/base/files.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

namespace gantry::tests {

// The folder `part` of the data; nullopt, with a visible message, when the data is not there.
inline std::optional<std::filesystem::path> conformance_data(const std::string& part) {
  const char* given = std::getenv("GANTRY_CONFORMANCE_DIR");
  const std::filesystem::path root =
      given != nullptr ? std::filesystem::path(given)
                       : std::filesystem::path(GANTRY_SOURCE_DIR) / "../shared/conformance";
  if (std::filesystem::exists(root / part)) return root / part;
  MESSAGE("SKIPPED: no conformance data in '" << (root / part).string()
                                              << "'; set GANTRY_CONFORMANCE_DIR");
  return std::nullopt;
}

}  // namespace gantry::tests
