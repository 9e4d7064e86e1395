// SPDX-License-Identifier: MIT
// A runner asks gantryd for the mirror of a repository, up to date:
//   POST /runner/v1/mirror   a MirrorRequest, answered by a MirrorAnswer once it is fetched
// Which repositories a run may have with Gantry's rights is gantryd's to decide (docs/security.md).
#pragma once

#include "core/base/result.hpp"

#include <string>
#include <string_view>

namespace gantry::proto {

inline constexpr std::string_view kRunnerMirrorPath = "/runner/v1/mirror";

struct MirrorRequest {
  std::string repository;  // owner/name
  std::string sha;         // a commit that is wanted, or "":
  std::string rev;         // a branch, tag or full ref; "" = the default branch
};

struct MirrorAnswer {
  std::string mirror, trees;  // folders
  std::string sha;            // the commit
  std::string ref;            // the full name it was found under; "" for a sha
};

// Either an answer or, with the codes denied, not_found, invalid and unavailable, why not.
using MirrorResult = core::Result<MirrorAnswer>;

std::string encode(const MirrorRequest& request);
core::Result<MirrorRequest> decode_mirror_request(std::string_view json);
std::string encode(const MirrorResult& result);
MirrorResult decode_mirror_result(std::string_view json);

}  // namespace gantry::proto
