// SPDX-License-Identifier: MIT
// Artifacts and caches in GitHub's shapes, and the bytes of artifacts.
#include "core/base/text.hpp"
#include "daemon/control/api.hpp"
#include "daemon/control/api_internal.hpp"
#include "daemon/control/db_thread.hpp"
#include "proto/github_signature.hpp"
#include "storage/artifacts.hpp"
#include "storage/blobs.hpp"
#include "storage/caches.hpp"

#include <fcntl.h>
#include <nlohmann/json.hpp>

namespace gantry::daemon::control {
namespace {

using core::Errc;
using core::Exception;
using http::Request;
using http::Response;
using nlohmann::json;
using storage::Database;

constexpr std::chrono::minutes kLinkValidFor{1};  // as GitHub's

json artifact_json(const storage::Artifact& artifact, const storage::Run& run,
                   const storage::Repository& repo, const ViewBase& base) {
  const std::string id = std::to_string(artifact.id);
  const std::string url = base.api + "/repos/" + repo.full_name + "/actions/artifacts/" + id;
  const std::int64_t repo_id = repo.github_id.value_or(repo.id.value);
  const std::string created = core::to_iso8601(artifact.created_at);
  json made;
  made["id"] = artifact.id;
  made["node_id"] = "A_" + id;
  made["name"] = artifact.name;
  made["size_in_bytes"] = artifact.size;
  made["url"] = url;
  made["archive_download_url"] = url + "/zip";
  made["expired"] = false;
  made["digest"] = "sha256:" + artifact.digest;
  made["created_at"] = created;
  made["updated_at"] = created;
  made["expires_at"] = core::to_iso8601(artifact.expires_at);
  made["workflow_run"] = {{"id", run.id.value},
                          {"repository_id", repo_id},
                          {"head_repository_id", repo_id},
                          {"head_branch", run.head_branch},
                          {"head_sha", run.head_sha}};
  return made;
}

json list_json(Database& d, const storage::ArtifactFilter& filter, const storage::Page& page,
               const storage::Repository& repo, const ViewBase& base) {
  const storage::ArtifactList list = storage::list_artifacts(d, filter, page);
  json artifacts = json::array();
  for (const storage::Artifact& artifact : list.artifacts) {
    const auto run = storage::find_run(d, artifact.run);
    if (run) artifacts.push_back(artifact_json(artifact, *run, repo, base));
  }
  return {{"total_count", list.total_count}, {"artifacts", std::move(artifacts)}};
}

json cache_json(const storage::Cache& cache) {
  return {{"id", cache.id},
          {"ref", cache.scope},
          {"key", cache.key},
          {"version", cache.version},
          {"size_in_bytes", cache.size},
          {"created_at", core::to_iso8601_millis(cache.created_at)},
          {"last_accessed_at", core::to_iso8601_millis(cache.last_used_at)}};
}

json caches_json(std::int64_t total, const std::vector<storage::Cache>& caches) {
  json list = json::array();
  for (const storage::Cache& cache : caches)
    list.push_back(cache_json(cache));
  return {{"total_count", total}, {"actions_caches", std::move(list)}};
}

storage::CacheFilter cache_filter(const Request& request, core::RepoId repo) {
  storage::CacheFilter filter;
  filter.repo = repo;
  filter.key = request.query_value("key");
  filter.scope = request.query_value("ref");
  const std::string sort = request.query_value("sort").value_or("last_accessed_at");
  if (sort == "created_at") filter.order = storage::CacheOrder::created_at;
  if (sort == "size_in_bytes") filter.order = storage::CacheOrder::size;
  if (request.query_value("direction").value_or("desc") == "asc") {
    filter.direction = storage::Direction::ascending;
  }
  return filter;
}

Exception no_artifact(std::int64_t id) {
  return Exception(Errc::not_found,
                   "looking for artifact '" + std::to_string(id) + "': no such artifact");
}

Response no_content() {
  Response response;
  response.status = 204;
  return response;
}

}  // namespace

void Api::add_artifacts(http::Router& router, const std::string& actions) {
  router.add("GET", actions + "/artifacts", guarded(&Api::list_artifacts));
  router.add("GET", actions + "/runs/{run}/artifacts", guarded(&Api::list_run_artifacts));
  router.add("GET", actions + "/artifacts/{artifact}", guarded(&Api::get_artifact));
  router.add("GET", actions + "/artifacts/{artifact}/{format}", guarded(&Api::artifact_link));
  router.add("DELETE", actions + "/artifacts/{artifact}", guarded(&Api::delete_artifact));
  router.add("GET", actions + "/caches", guarded(&Api::list_caches));
  router.add("DELETE", actions + "/caches", guarded(&Api::delete_caches));
  router.add("DELETE", actions + "/caches/{cache}", guarded(&Api::delete_cache));
  router.add("GET", actions + "/cache/usage", guarded(&Api::cache_usage));
}

async::Task<Response> Api::list_artifacts(Request& request) {
  const auto repo = co_await repository_of(request);
  const ViewBase base = base_of(request);
  const storage::Page page = page_of(request);
  storage::ArtifactFilter filter;
  filter.repo = repo.id;
  filter.name = request.query_value("name");
  const json list = co_await conductor_.db().read(
      [&](Database& d) { return list_json(d, filter, page, repo, base); });
  co_return http::json_response(200, list.dump());
}

async::Task<Response> Api::list_run_artifacts(Request& request) {
  const auto repo = co_await repository_of(request);
  const storage::Run run = co_await run_of(request);
  check_owner(run, repo);
  const ViewBase base = base_of(request);
  const storage::Page page = page_of(request);
  storage::ArtifactFilter filter;
  filter.repo = repo.id;
  filter.run = run.id;
  filter.name = request.query_value("name");
  const json list = co_await conductor_.db().read(
      [&](Database& d) { return list_json(d, filter, page, repo, base); });
  co_return http::json_response(200, list.dump());
}

async::Task<storage::Artifact> Api::artifact_of(const Request& request) {
  const auto repo = co_await repository_of(request);
  const std::int64_t id = number_of(request.param("artifact"), "artifact");
  const auto artifact =
      co_await conductor_.db().read([&](Database& d) { return storage::find_artifact(d, id); });
  if (!artifact || artifact->repo != repo.id) throw no_artifact(id);
  co_return *artifact;
}

async::Task<Response> Api::get_artifact(Request& request) {
  const auto repo = co_await repository_of(request);
  const storage::Artifact artifact = co_await artifact_of(request);
  const auto run = co_await conductor_.db().read(
      [&](Database& d) { return storage::find_run(d, artifact.run); });
  if (!run) throw no_artifact(artifact.id);
  co_return http::json_response(200, artifact_json(artifact, *run, repo, base_of(request)).dump());
}

// A short-lived address that needs no token, as clients that follow a redirect leave theirs behind.
async::Task<Response> Api::artifact_link(Request& request) {
  if (request.param("format") != "zip") {
    throw Exception(Errc::not_found, "artifacts are given as 'zip' only");
  }
  const storage::Artifact artifact = co_await artifact_of(request);
  const ViewBase base = base_of(request);
  const std::string api =
      base.api.ends_with("/api/v3") ? base.api.substr(0, base.api.size() - 7) : base.api;
  const core::Timestamp end = conductor_.clock().now() + kLinkValidFor;
  const std::string expires = std::to_string(end.time_since_epoch().count());
  co_return http::redirect_response(
      302, api + "/api/gantry/v1/artifacts/" + std::to_string(artifact.id) +
               "/download?expires=" + expires + "&sig=" + link_signature(artifact.id, expires));
}

std::string Api::link_signature(std::int64_t artifact, const std::string& expires) const {
  return proto::hmac_sha256_hex(link_key_, std::to_string(artifact) + ' ' + expires);
}

bool Api::has_valid_link(const Request& request) const {
  const std::string expires = request.query_value("expires").value_or("");
  std::int64_t end = 0;
  std::from_chars(expires.data(), expires.data() + expires.size(), end);
  if (end < conductor_.clock().now().time_since_epoch().count()) return false;
  std::int64_t id = 0;
  const std::string_view text = request.param("artifact");
  std::from_chars(text.data(), text.data() + text.size(), id);
  return same_bytes(link_signature(id, expires), request.query_value("sig").value_or(""));
}

async::Task<Response> Api::artifact_bytes(Request& request) {
  const std::int64_t id = number_of(request.param("artifact"), "artifact");
  const auto artifact =
      co_await conductor_.db().read([&](Database& d) { return storage::find_artifact(d, id); });
  if (!artifact) throw no_artifact(id);
  core::UniqueFd file(::open(layout_.blob(artifact->digest).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) throw no_artifact(id);
  const bool is_zip = artifact->content_type == "application/zip";
  // What a job uploaded must not be taken for a page of ours.
  Response response =
      http::file_response(std::move(file), is_zip ? "application/zip" : "application/octet-stream");
  response.headers.set("ETag", '"' + artifact->digest + '"');
  response.headers.set("X-Content-Type-Options", "nosniff");
  response.headers.set("Content-Disposition",
                       "attachment; filename*=UTF-8''" +
                           http::percent_encode(artifact->name + (is_zip ? ".zip" : "")));
  co_return response;
}

async::Task<Response> Api::own_artifacts(Request& request) {
  const storage::Run run = co_await run_of(request);
  const auto rows = co_await conductor_.db().read(
      [&](Database& d) { return storage::artifacts_of_attempt(d, run.id, run.attempt); });
  json artifacts = json::array();
  for (const storage::Artifact& row : rows) {
    artifacts.push_back({{"id", row.id},
                         {"name", row.name},
                         {"size", row.size},
                         {"content_type", row.content_type},
                         {"digest", "sha256:" + row.digest},
                         {"job_id", row.job.value},
                         {"attempt", row.attempt},
                         {"created_at", core::to_iso8601_millis(row.created_at)},
                         {"expires_at", core::to_iso8601_millis(row.expires_at)}});
  }
  json answer;
  answer["artifacts"] = std::move(artifacts);
  co_return http::json_response(200, answer.dump());
}

async::Task<> Api::remove_blobs(std::vector<std::string> digests) {
  co_await conductor_.db().write(
      [&](Database& d) { storage::remove_unused_blobs(d, layout_, digests); });
}

async::Task<Response> Api::delete_artifact(Request& request) {
  const storage::Artifact artifact = co_await artifact_of(request);
  co_await conductor_.db().write([&](Database& d) { storage::delete_artifact(d, artifact.id); });
  std::vector<std::string> digests(1, artifact.digest);
  co_await remove_blobs(std::move(digests));
  co_return no_content();
}

async::Task<Response> Api::list_caches(Request& request) {
  const auto repo = co_await repository_of(request);
  const storage::CacheFilter filter = cache_filter(request, repo.id);
  const storage::Page page = page_of(request);
  const auto list = co_await conductor_.db().read(
      [&](Database& d) { return storage::list_caches(d, filter, page); });
  co_return http::json_response(200, caches_json(list.total_count, list.caches).dump());
}

async::Task<Response> Api::delete_these(std::vector<storage::Cache> caches) {
  co_await conductor_.db().write([&](Database& d) {
    for (const storage::Cache& cache : caches)
      storage::delete_cache(d, cache.id);
  });
  std::vector<std::string> digests;
  for (const storage::Cache& cache : caches)
    digests.push_back(cache.digest);
  co_await remove_blobs(std::move(digests));
  const auto count = static_cast<std::int64_t>(caches.size());
  co_return http::json_response(200, caches_json(count, caches).dump());
}

async::Task<Response> Api::delete_caches(Request& request) {
  const auto repo = co_await repository_of(request);
  const auto key = request.query_value("key");
  if (!key || key->empty()) throw Exception(Errc::invalid, "'key' says which caches to delete");
  const auto scope = request.query_value("ref");
  auto caches = co_await conductor_.db().read(
      [&](Database& d) { return storage::caches_of_key(d, repo.id, *key, scope); });
  if (caches.empty()) throw Exception(Errc::not_found, "no cache has this key");
  co_return co_await delete_these(std::move(caches));
}

async::Task<Response> Api::delete_cache(Request& request) {
  const auto repo = co_await repository_of(request);
  const std::int64_t id = number_of(request.param("cache"), "cache");
  const auto cache =
      co_await conductor_.db().read([&](Database& d) { return storage::find_cache(d, id); });
  if (!cache || cache->repo != repo.id) {
    throw Exception(Errc::not_found,
                    "looking for cache '" + std::to_string(id) + "': no such cache");
  }
  std::vector<storage::Cache> caches(1, *cache);
  co_await delete_these(std::move(caches));
  co_return no_content();
}

async::Task<Response> Api::cache_usage(Request& request) {
  const auto repo = co_await repository_of(request);
  storage::CacheFilter filter;
  filter.repo = repo.id;
  const auto list =
      co_await conductor_.db().read([&](Database& d) { return storage::list_caches(d, filter); });
  const json usage = {{"full_name", repo.full_name},
                      {"active_caches_size_in_bytes", list.total_bytes},
                      {"active_caches_count", list.total_count}};
  co_return http::json_response(200, usage.dump());
}

}  // namespace gantry::daemon::control
