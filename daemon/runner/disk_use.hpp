// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>

namespace gantry::daemon::runner {

// Bytes of disk used below a folder a job may change meanwhile; links are not followed. Stops
// counting once `enough` is passed. What cannot be read counts nothing.
std::uint64_t disk_use_bytes(const std::filesystem::path& folder, std::uint64_t enough);

}  // namespace gantry::daemon::runner
