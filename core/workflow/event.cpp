// SPDX-License-Identifier: MIT
#include "core/workflow/event.hpp"

#include <algorithm>

namespace gantry::core::workflow {

RefParts split_ref(std::string_view full_ref) {
  constexpr std::string_view heads = "refs/heads/", tags = "refs/tags/", pulls = "refs/pull/";
  if (full_ref.starts_with(heads)) return {RefType::branch, full_ref.substr(heads.size())};
  if (full_ref.starts_with(tags)) return {RefType::tag, full_ref.substr(tags.size())};
  // GitHub's ref_type of a pull request is "branch".
  if (full_ref.starts_with(pulls)) return {RefType::branch, full_ref.substr(pulls.size())};
  return {RefType::other, full_ref};
}

bool is_zero_sha(std::string_view sha) {
  return !sha.empty() && std::all_of(sha.begin(), sha.end(), [](char c) { return c == '0'; });
}

}  // namespace gantry::core::workflow
