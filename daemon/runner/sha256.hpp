// SPDX-License-Identifier: MIT
// SHA-256 (FIPS 180-4) without a crypto library, which would cost every job its start-up; by the
// processor's instructions where it has them. For hashFiles and blobs: nothing secret is hashed.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace gantry::daemon::runner {

class Sha256 {
 public:
  void update(std::string_view bytes);
  std::array<std::uint8_t, 32> finish();  // afterwards only destruction

 private:
  void compress(const std::uint8_t* block, std::size_t count);

  std::array<std::uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::uint8_t, 64> block_{};
  std::size_t filled_ = 0;
  std::uint64_t total_ = 0;
};

std::string to_hex(const std::array<std::uint8_t, 32>& digest);

}  // namespace gantry::daemon::runner
