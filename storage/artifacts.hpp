// SPDX-License-Identifier: MIT
// Artifacts of runs. A rerun's attempt sees those of the attempts before it, and may replace each
// by one of the same name.
#pragma once

#include "storage/page.hpp"
#include "storage/sqlite.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::storage {

struct Artifact {
  std::int64_t id = 0;
  core::RepoId repo;
  core::RunId run;
  int attempt = 1;
  core::JobId job;  // that made it
  std::string name;
  std::string content_type;
  std::int64_t size = 0;
  std::string digest;  // of its blob
  core::Timestamp created_at;
  core::Timestamp expires_at;
};

// Its id (`id` is not used); nothing when the attempt has one of that name.
std::optional<std::int64_t> insert_artifact(Database& database, const Artifact& artifact);
std::optional<Artifact> find_artifact(Database& database, std::int64_t id);
// As an attempt sees them: of each name the newest, by id.
std::optional<Artifact> find_artifact(Database& database, core::RunId run, int attempt,
                                      std::string_view name);
std::vector<Artifact> artifacts_of_attempt(Database& database, core::RunId run, int attempt,
                                           int limit = 1000);
std::int64_t count_artifacts(Database& database, core::JobId job);
void delete_artifact(Database& database, std::int64_t id);

struct ArtifactFilter {
  core::RepoId repo;
  std::optional<core::RunId> run;
  std::optional<std::string> name;
};
struct ArtifactList {
  std::vector<Artifact> artifacts;  // newest first
  std::int64_t total_count = 0;
};
ArtifactList list_artifacts(Database& database, const ArtifactFilter& filter, Page page = {});

// Deletes those past their time, at most `limit`; the digests of their blobs.
std::vector<std::string> expire_artifacts(Database& database, core::Timestamp now, int limit = 500);

// Whether an artifact or a cache entry has this blob.
bool is_blob_used(Database& database, std::string_view digest);

}  // namespace gantry::storage
