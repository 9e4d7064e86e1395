// SPDX-License-Identifier: MIT
// Unpacking zip files that a job made: nothing is written outside the folder, no link is made or
// followed, and every file is checked against its length and checksum.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace gantry::daemon::cli {

struct ZipEntry {
  std::string name;  // relative, checked; ends in '/' for a folder
  bool is_executable = false;
  std::uint16_t method = 0;  // 0 stored, 8 deflated
  std::uint32_t checksum = 0;
  std::uint64_t packed_size = 0;
  std::uint64_t size = 0;
  std::uint64_t offset = 0;  // of its local header
};

// The entries of the whole file. Throws core::Exception for what is no zip file, is damaged, or has
// an entry that must not be unpacked.
std::vector<ZipEntry> read_zip(const std::filesystem::path& file);

// Unpacks all of it below `folder`, which exists; files that are there are replaced. Gives their
// number.
std::size_t unpack_zip(const std::filesystem::path& file, const std::filesystem::path& folder);

}  // namespace gantry::daemon::cli
