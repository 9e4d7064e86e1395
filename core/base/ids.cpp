// SPDX-License-Identifier: MIT
#include "core/base/ids.hpp"

#include "core/base/text.hpp"

namespace gantry::core {

std::int64_t made_id(std::string_view name) {
  constexpr std::uint64_t kAboveGithubs = std::uint64_t{1} << 48;
  const std::uint64_t id = kAboveGithubs | (hash_of(to_lower(name)) & (kAboveGithubs - 1));
  return static_cast<std::int64_t>(id);
}

}  // namespace gantry::core
