// SPDX-License-Identifier: MIT
// The runtime services of a job as the official toolkit clients speak them: artifacts v4 and cache
// v2 (Twirp: JSON over POST), and how gantry-runner hands such a call on to gantryd. Requests come
// from jobs and are hostile: every name is checked, every size bounded.
#pragma once

#include "core/base/result.hpp"
#include "core/base/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace gantry::proto {

inline constexpr std::string_view kTwirpPrefix = "/twirp/github.actions.results.api.v1.";
inline constexpr std::size_t kMaxServiceBody = 64 << 10;

struct BackendIds {  // of the run and of a job in it, as the runtime token's `scp` names them
  std::string run, job;
};
struct CreateArtifact {
  BackendIds ids;
  std::string name;
  std::string mime_type;
  std::optional<core::Timestamp> expires_at;
};
struct FinalizeArtifact {
  BackendIds ids;
  std::string name;
  std::uint64_t size = 0;
  std::string digest;  // hex of SHA-256; "" = the client did not say
};
struct ListArtifacts {
  BackendIds ids;
  std::optional<std::string> name_filter;
  std::optional<std::int64_t> id_filter;
};
struct GetArtifactUrl {
  BackendIds ids;
  std::string name;
};
struct DeleteArtifact {
  BackendIds ids;
  std::string name;
};
struct CreateCacheEntry {
  std::string key, version;
};
struct FinalizeCacheEntry {
  std::string key, version;
  std::uint64_t size = 0;
};
struct GetCacheEntryUrl {
  std::string key, version;
  std::vector<std::string> restore_keys;
};
struct GetIdToken {  // not Twirp: GET with `audience`
  std::string audience;
};
using ServiceRequest =
    std::variant<CreateArtifact, FinalizeArtifact, ListArtifacts, GetArtifactUrl, DeleteArtifact,
                 CreateCacheEntry, FinalizeCacheEntry, GetCacheEntryUrl, GetIdToken>;

inline constexpr std::string_view kGetIdToken = "IdTokenService/GetIdToken";

// `method`: "ArtifactService/CreateArtifact". not_found: there is no such method.
core::Result<ServiceRequest> decode_service_request(std::string_view method, std::string_view json);

// The name of an artifact, as GitHub allows it and safe as the name of a folder.
core::Result<> check_artifact_name(std::string_view name);

// {"code","msg"} with the code that fits the status.
std::string twirp_error(int status, std::string_view message);

struct ArtifactView {
  BackendIds ids;
  std::int64_t id = 0;
  std::string name;
  std::uint64_t size = 0;
  core::Timestamp created_at{};
  std::string digest;  // hex
};
std::string list_artifacts_answer(const std::vector<ArtifactView>& artifacts);

// A call as the runner hands it on. `blob`: what the job uploaded for it, of a Finalize call.
struct UploadedBlob {
  std::string file;  // name below the job's folder of uploads
  std::uint64_t size = 0;
  std::string digest;     // hex
  std::string announced;  // the body of the Create call
};
struct ServiceCall {
  std::string method, body;
  std::optional<UploadedBlob> blob;
};
// gantryd's answer: `body` goes to the client, with the address of an upload or a download put in
// as member `url_member` where that is not "".
struct ServiceAnswer {
  int status = 200;
  std::string body = "{}";
  std::string url_member;
  std::string download;  // path of the blob; "" = an upload is meant
  std::string content_type, file_name;
};
std::string encode(const ServiceCall& call);
core::Result<ServiceCall> decode_service_call(std::string_view json);
std::string encode(const ServiceAnswer& answer);
core::Result<ServiceAnswer> decode_service_answer(std::string_view json);

// `json`, an object, with one more member of text.
std::string with_member(std::string_view json, std::string_view name, std::string_view text);

// The block ids of a Put Block List body, decoded, in order. Committed, Uncommitted and Latest are
// the same here: a blob is written once.
core::Result<std::vector<std::string>> decode_block_list(std::string_view xml);

std::string base64url(std::string_view bytes);  // without padding
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace gantry::proto
