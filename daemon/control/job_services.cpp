// SPDX-License-Identifier: MIT
#include "daemon/control/job_services.hpp"

#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "daemon/control/db_thread.hpp"
#include "storage/blobs.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace gantry::daemon::control {
namespace {

using core::Errc;
using core::Exception;
using nlohmann::json;
using proto::ServiceAnswer;
using storage::Database;

constexpr std::int64_t kMaxArtifacts = 500;  // of a job
constexpr int kMaxListed = 1000;

ServiceAnswer refusal(int status, std::string_view message) {
  ServiceAnswer answer;
  answer.status = status;
  answer.body = proto::twirp_error(status, message);
  return answer;
}

ServiceAnswer ok(const json& body) {
  ServiceAnswer answer;
  answer.body = body.dump();
  return answer;
}

// A cache that cannot be had or kept is not an error of the job.
ServiceAnswer not_ok(const std::string& message) {
  json body;
  body["ok"] = false;
  body["message"] = message;
  return ok(body);
}

ServiceAnswer accepted(const char* id_member, std::int64_t id) {
  json body;
  body["ok"] = true;
  body[id_member] = std::to_string(id);
  return ok(body);
}

// The client gets the address put in by the runner.
ServiceAnswer with_upload() {
  json body;
  body["ok"] = true;
  ServiceAnswer answer = ok(body);
  answer.url_member = "signed_upload_url";
  return answer;
}

// Calls name the run and the job; each job speaks for its own run only.
bool is_of_run(const ActiveJob& job, const proto::BackendIds& ids) {
  return ids.run == std::to_string(job.run->row.id.value);
}
bool is_of_job(const ActiveJob& job, const proto::BackendIds& ids) {
  return is_of_run(job, ids) && ids.job == std::to_string(job.id.value);
}
ServiceAnswer not_yours() {
  return refusal(403, "the token is for another run or job");
}
ServiceAnswer no_artifact(const std::string& name) {
  return refusal(404, "there is no artifact '" + name + "' in this run");
}
ServiceAnswer artifact_exists() {
  return refusal(409, "an artifact with this name already exists on the workflow run");
}

void add_once(std::vector<std::string>& scopes, std::string scope) {
  if (std::find(scopes.begin(), scopes.end(), scope) == scopes.end()) {
    scopes.push_back(std::move(scope));
  }
}

}  // namespace

std::vector<std::string> cache_scopes(const ActiveRun& run) {
  std::vector<std::string> scopes = {run.row.ref};
  const std::string base = run.machine->contexts().github["base_ref"].to_string();
  if (!base.empty()) add_once(scopes, "refs/heads/" + base);
  add_once(scopes, "refs/heads/" + run.repo.default_branch);
  return scopes;
}

bool may_write_caches(const ActiveRun& run) {
  return run.row.trust == storage::Trust::trusted || run.row.ref.starts_with("refs/pull/");
}

JobServices::JobServices(Conductor& conductor, IdTokens& id_tokens, storage::Layout layout)
    : conductor_(conductor), id_tokens_(id_tokens), layout_(std::move(layout)) {}

async::Task<ServiceAnswer> JobServices::call(JobPointer job, proto::ServiceCall call) {
  auto request = proto::decode_service_request(call.method, call.body);
  if (!request) {
    const Errc code = request.error().code;
    co_return refusal(code == Errc::not_found ? 404 : 400, request.error().message);
  }
  if (job->phase == ActiveJob::Phase::finished) co_return refusal(403, "the job has ended");
  std::optional<core::Error> failed;
  try {
    auto answered = std::visit(
        [&](auto& one) { return answer(job, std::move(one), std::move(call.blob)); }, *request);
    co_return co_await std::move(answered);
  } catch (const Exception& error) {
    failed = error.error();
  }
  if (failed->code == Errc::denied) co_return refusal(403, failed->message);
  if (failed->code == Errc::invalid) co_return refusal(400, failed->message);
  throw Exception(*failed);
}

core::fs::path JobServices::upload_of(const ActiveJob& job, const proto::UploadedBlob& blob) const {
  const bool is_plain =
      !blob.file.empty() &&
      std::all_of(blob.file.begin(), blob.file.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!is_plain) throw Exception(Errc::invalid, "taking an upload: '" + blob.file + "' is none");
  return layout_.uploads(job.id) / blob.file;
}

JobServices::Answer JobServices::answer(JobPointer job, proto::CreateArtifact request, Blob) {
  if (!is_of_job(*job, request.ids)) co_return not_yours();
  const storage::Run& run = job->run->row;
  std::int64_t count = 0;
  const bool exists = co_await conductor_.db().read([&](Database& d) {
    count = storage::count_artifacts(d, job->id);
    const auto known = storage::find_artifact(d, run.id, run.attempt, request.name);
    return known && known->attempt == run.attempt;
  });
  if (exists) co_return artifact_exists();
  if (count >= kMaxArtifacts) {
    co_return refusal(403, "a job can have 500 artifacts at most");
  }
  co_return with_upload();
}

JobServices::Answer JobServices::answer(JobPointer job, proto::FinalizeArtifact request,
                                        Blob blob) {
  if (!is_of_job(*job, request.ids)) co_return not_yours();
  const storage::Run& run = job->run->row;
  const core::Timestamp now = conductor_.clock().now();
  storage::Artifact artifact;
  artifact.repo = run.repo;
  artifact.run = run.id;
  artifact.attempt = run.attempt;
  artifact.job = job->id;
  artifact.name = request.name;
  artifact.content_type = "application/zip";
  artifact.created_at = now;
  artifact.expires_at = now + conductor_.settings()->config.storage.artifact_retention;
  core::fs::path file;
  if (blob) {
    file = upload_of(*job, *blob);
    artifact.size = static_cast<std::int64_t>(blob->size);
    artifact.digest = blob->digest;
    const auto announced =
        proto::decode_service_request("ArtifactService/CreateArtifact", blob->announced);
    const auto* const create =
        announced ? std::get_if<proto::CreateArtifact>(&*announced) : nullptr;
    if (create != nullptr) {
      artifact.content_type = create->mime_type;
      const core::Timestamp wanted = create->expires_at.value_or(artifact.expires_at);
      if (wanted > now) artifact.expires_at = std::min(artifact.expires_at, wanted);
    }
  }
  co_return co_await conductor_.db().write([&](Database& d) {
    const auto known = storage::find_artifact(d, run.id, run.attempt, request.name);
    if (known && known->attempt == run.attempt) {
      // The same call again, whose answer was lost.
      const bool repeated = known->job == job->id && (!blob || blob->digest == known->digest) &&
                            static_cast<std::uint64_t>(known->size) == request.size;
      return repeated ? accepted("artifact_id", known->id) : artifact_exists();
    }
    if (!blob) return refusal(404, "nothing was uploaded for artifact '" + request.name + "'");
    storage::adopt_blob(layout_, file, artifact.digest);
    return accepted("artifact_id", storage::insert_artifact(d, artifact).value());
  });
}

JobServices::Answer JobServices::answer(JobPointer job, proto::ListArtifacts request, Blob) {
  if (!is_of_run(*job, request.ids)) co_return not_yours();
  const storage::Run& run = job->run->row;
  const auto rows = co_await conductor_.db().read([&](Database& d) {
    return storage::artifacts_of_attempt(d, run.id, run.attempt, kMaxListed);
  });
  std::vector<proto::ArtifactView> views;
  for (const storage::Artifact& row : rows) {
    if (request.name_filter && row.name != *request.name_filter) continue;
    if (request.id_filter && row.id != *request.id_filter) continue;
    proto::ArtifactView view;
    view.ids = {request.ids.run, std::to_string(row.job.value)};
    view.id = row.id;
    view.name = row.name;
    view.size = static_cast<std::uint64_t>(row.size);
    view.created_at = row.created_at;
    view.digest = row.digest;
    views.push_back(std::move(view));
  }
  ServiceAnswer answer;
  answer.body = proto::list_artifacts_answer(views);
  co_return answer;
}

JobServices::Answer JobServices::answer(JobPointer job, proto::GetArtifactUrl request, Blob) {
  if (!is_of_run(*job, request.ids)) co_return not_yours();
  const storage::Run& run = job->run->row;
  const auto artifact = co_await conductor_.db().read(
      [&](Database& d) { return storage::find_artifact(d, run.id, run.attempt, request.name); });
  if (!artifact) co_return no_artifact(request.name);
  ServiceAnswer answer;
  answer.url_member = "signed_url";
  answer.download = layout_.blob(artifact->digest).string();
  answer.content_type = artifact->content_type;
  const bool is_zip = artifact->content_type == "application/zip";
  answer.file_name = artifact->name + (is_zip ? ".zip" : "");
  co_return answer;
}

JobServices::Answer JobServices::answer(JobPointer job, proto::DeleteArtifact request, Blob) {
  if (!is_of_run(*job, request.ids)) co_return not_yours();
  const storage::Run& run = job->run->row;
  const auto artifact = co_await conductor_.db().write([&](Database& d) {
    auto found = storage::find_artifact(d, run.id, run.attempt, request.name);
    if (found) storage::delete_artifact(d, found->id);
    return found;
  });
  if (!artifact) co_return no_artifact(request.name);
  std::vector<std::string> digests(1, artifact->digest);
  co_await remove_unused(std::move(digests));
  co_return accepted("artifact_id", artifact->id);
}

JobServices::Answer JobServices::answer(JobPointer job, proto::CreateCacheEntry request, Blob) {
  const ActiveRun& run = *job->run;
  if (!may_write_caches(run)) {
    co_return not_ok("a run of code from a fork cannot write caches that other runs read");
  }
  const auto known = co_await conductor_.db().read([&](Database& d) {
    return storage::find_cache(d, run.repo.id, run.row.ref, request.key, request.version);
  });
  if (known) co_return not_ok("cache entry with the same key, version, and scope already exists");
  co_return with_upload();
}

JobServices::Answer JobServices::answer(JobPointer job, proto::FinalizeCacheEntry request,
                                        Blob blob) {
  const ActiveRun& run = *job->run;
  if (!may_write_caches(run)) co_return not_ok("a run of code from a fork cannot write caches");
  const std::uint64_t limit = conductor_.settings()->config.storage.cache_bytes;
  if (limit != 0 && request.size > limit) {
    co_return not_ok("the entry is larger than all caches of a repository may be");
  }
  storage::Cache cache;
  cache.repo = run.repo.id;
  cache.scope = run.row.ref;
  cache.key = request.key;
  cache.version = request.version;
  cache.created_at = cache.last_used_at = conductor_.clock().now();
  core::fs::path file;
  if (blob) {
    file = upload_of(*job, *blob);
    cache.size = static_cast<std::int64_t>(blob->size);
    cache.digest = blob->digest;
  }
  ServiceAnswer answer = co_await conductor_.db().write([&](Database& d) {
    const auto known = storage::find_cache(d, cache.repo, cache.scope, cache.key, cache.version);
    if (known && (!blob || known->digest == blob->digest)) return accepted("entry_id", known->id);
    if (known) return not_ok("cache entry with the same key, version, and scope already exists");
    if (!blob) return refusal(404, "nothing was uploaded for this cache entry");
    storage::adopt_blob(layout_, file, cache.digest);
    return accepted("entry_id", storage::insert_cache(d, cache).value());
  });
  co_await evict(cache.repo);
  co_return answer;
}

JobServices::Answer JobServices::answer(JobPointer job, proto::GetCacheEntryUrl request, Blob) {
  storage::CacheLookup lookup;
  lookup.repo = job->run->repo.id;
  lookup.scopes = cache_scopes(*job->run);
  lookup.key = request.key;
  lookup.version = request.version;
  lookup.restore_keys = std::move(request.restore_keys);
  const core::Timestamp now = conductor_.clock().now();
  const auto cache = co_await conductor_.db().write([&](Database& d) {
    auto found = storage::find_cache(d, lookup);
    if (found) storage::touch_cache(d, found->id, now);
    return found;
  });
  json body;
  body["ok"] = cache.has_value();
  body["signed_download_url"] = "";
  body["matched_key"] = cache ? cache->key : "";
  ServiceAnswer answer = ok(body);
  if (!cache) co_return answer;
  answer.url_member = "signed_download_url";
  answer.download = layout_.blob(cache->digest).string();
  answer.content_type = "application/octet-stream";
  co_return answer;
}

JobServices::Answer JobServices::answer(JobPointer job, proto::GetIdToken request, Blob) {
  json body;
  body["value"] = co_await id_tokens_.token(*job, std::move(request.audience));
  co_return ok(body);
}

}  // namespace gantry::daemon::control
