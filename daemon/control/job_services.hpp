// SPDX-License-Identifier: MIT
// The runtime services of jobs: what artifacts, caches and ID tokens mean. Runners ask for their
// job; the bytes they keep themselves, and hand over by name (storage/blobs.hpp). Loop thread.
#pragma once

#include "core/base/files.hpp"
#include "daemon/control/active.hpp"
#include "daemon/control/conductor.hpp"
#include "daemon/control/id_tokens.hpp"
#include "proto/actions_services.hpp"
#include "storage/artifacts.hpp"
#include "storage/caches.hpp"
#include "storage/layout.hpp"

#include <memory>
#include <string>
#include <vector>

namespace gantry::daemon::control {

class JobServices {
 public:
  JobServices(Conductor& conductor, IdTokens& id_tokens, storage::Layout layout);

  // A refusal is an answer too; throws only for what is broken here.
  async::Task<proto::ServiceAnswer> call(std::shared_ptr<ActiveJob> job, proto::ServiceCall call);

  // Background: deletes what is past its time or over a limit, and what a crash left behind.
  async::Task<> sweep();

 private:
  using Answer = async::Task<proto::ServiceAnswer>;
  using JobPointer = std::shared_ptr<ActiveJob>;
  using Blob = std::optional<proto::UploadedBlob>;

  Answer answer(JobPointer job, proto::CreateArtifact request, Blob blob);
  Answer answer(JobPointer job, proto::FinalizeArtifact request, Blob blob);
  Answer answer(JobPointer job, proto::ListArtifacts request, Blob blob);
  Answer answer(JobPointer job, proto::GetArtifactUrl request, Blob blob);
  Answer answer(JobPointer job, proto::DeleteArtifact request, Blob blob);
  Answer answer(JobPointer job, proto::CreateCacheEntry request, Blob blob);
  Answer answer(JobPointer job, proto::FinalizeCacheEntry request, Blob blob);
  Answer answer(JobPointer job, proto::GetCacheEntryUrl request, Blob blob);
  Answer answer(JobPointer job, proto::GetIdToken request, Blob blob);

  core::fs::path upload_of(const ActiveJob& job, const proto::UploadedBlob& blob) const;
  async::Task<> remove_unused(std::vector<std::string> digests);
  async::Task<> evict(core::RepoId repo);
  async::Task<> sweep_once();
  async::Task<> remove_orphans();

  Conductor& conductor_;
  IdTokens& id_tokens_;
  storage::Layout layout_;
};

// Where a run may look for cache entries, in order; the first is where it writes.
std::vector<std::string> cache_scopes(const ActiveRun& run);
// A run of somebody else's code may write only what no other run will read.
bool may_write_caches(const ActiveRun& run);

}  // namespace gantry::daemon::control
