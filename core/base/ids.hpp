// SPDX-License-Identifier: MIT
// Strong identifiers. Row ids are positive 64-bit integers; 0 is "none yet".
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string_view>

namespace gantry::core {

template <class Tag>
struct Id {
  std::int64_t value = 0;
  constexpr auto operator<=>(const Id&) const = default;
  explicit constexpr operator bool() const { return value != 0; }
};

using RepoId = Id<struct RepoTag>;          // our row, not GitHub's id
using DeliveryId = Id<struct DeliveryTag>;  // a received webhook
using WorkflowId = Id<struct WorkflowTag>;  // one workflow file path of one repository
using RunId = Id<struct RunTag>;            // one workflow run (all attempts)
using JobId = Id<struct JobTag>;            // one job (matrix leg) of one attempt

// In place of GitHub's id of a repository or owner whose name came without one. The same for a name
// in any case; larger than GitHub's own; fifteen digits, so that expressions print it whole.
std::int64_t made_id(std::string_view name);

}  // namespace gantry::core

template <class Tag>
struct std::hash<gantry::core::Id<Tag>> {
  std::size_t operator()(gantry::core::Id<Tag> id) const noexcept {
    return std::hash<std::int64_t>{}(id.value);
  }
};
