// SPDX-License-Identifier: MIT
// GitHub's published webhook payloads, which lie beside the source tree.
#pragma once

#include <cstdlib>
#include <filesystem>

namespace gantry::test {

// Their folder; empty when they are not there.
inline std::filesystem::path published_payloads() {
  namespace fs = std::filesystem;
  const char* conformance = std::getenv("GANTRY_CONFORMANCE_DIR");
  const fs::path base = conformance != nullptr
                            ? fs::path(conformance).parent_path()
                            : fs::path(GANTRY_SOURCE_DIR).parent_path() / "shared";
  const fs::path folder = base / "github" / "webhooks";
  return fs::exists(folder) ? folder : fs::path();
}

}  // namespace gantry::test
