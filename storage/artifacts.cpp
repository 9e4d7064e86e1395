// SPDX-License-Identifier: MIT
#include "storage/artifacts.hpp"

namespace gantry::storage {
namespace {

constexpr std::string_view kColumns =
    "id, repo_id, run_id, attempt, job_id, name, content_type, size, digest, created_at, "
    "expires_at ";

Artifact read_artifact(const Statement& row) {
  Artifact artifact;
  row.read(artifact.id, artifact.repo, artifact.run, artifact.attempt, artifact.job, artifact.name,
           artifact.content_type, artifact.size, artifact.digest, artifact.created_at,
           artifact.expires_at);
  return artifact;
}

std::string select(std::string_view rest) {
  return "SELECT " + std::string(kColumns) + "FROM artifacts " + std::string(rest);
}

std::vector<Artifact> read_all(Statement& statement) {
  std::vector<Artifact> artifacts;
  while (statement.next())
    artifacts.push_back(read_artifact(statement));
  return artifacts;
}

std::string condition_of(const ArtifactFilter& filter) {
  std::string condition = "WHERE repo_id = ?1";
  if (filter.run) condition += " AND run_id = ?2";
  if (filter.name) condition += " AND name = ?3";
  return condition;
}

void bind_filter(Statement& statement, const ArtifactFilter& filter) {
  statement.bind_at(1, filter.repo);
  if (filter.run) statement.bind_at(2, *filter.run);
  if (filter.name) statement.bind_at(3, *filter.name);
}

}  // namespace

std::optional<std::int64_t> insert_artifact(Database& database, const Artifact& artifact) {
  Statement statement = database.prepare(
      "INSERT INTO artifacts (repo_id, run_id, attempt, job_id, name, content_type, size, digest, "
      "created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) "
      "ON CONFLICT DO NOTHING RETURNING id");
  statement.bind(artifact.repo, artifact.run, artifact.attempt, artifact.job, artifact.name,
                 artifact.content_type, artifact.size, artifact.digest, artifact.created_at,
                 artifact.expires_at);
  std::optional<std::int64_t> id;
  if (statement.next()) statement.read(id);
  statement.run();
  return id;
}

std::optional<Artifact> find_artifact(Database& database, std::int64_t id) {
  Statement statement = database.prepare(select("WHERE id = ?1"));
  statement.bind(id);
  if (!statement.next()) return std::nullopt;
  return read_artifact(statement);
}

std::optional<Artifact> find_artifact(Database& database, core::RunId run, int attempt,
                                      std::string_view name) {
  Statement statement = database.prepare(
      select("WHERE run_id = ?1 AND name = ?2 AND attempt <= ?3 ORDER BY attempt DESC LIMIT 1"));
  statement.bind(run, name, attempt);
  if (!statement.next()) return std::nullopt;
  return read_artifact(statement);
}

std::vector<Artifact> artifacts_of_attempt(Database& database, core::RunId run, int attempt,
                                           int limit) {
  Statement statement = database.prepare(
      select("AS a WHERE run_id = ?1 AND attempt = (SELECT max(b.attempt) FROM artifacts AS b "
             "WHERE b.run_id = a.run_id AND b.name = a.name AND b.attempt <= ?2) "
             "ORDER BY id LIMIT ?3"));
  statement.bind(run, attempt, limit);
  return read_all(statement);
}

std::int64_t count_artifacts(Database& database, core::JobId job) {
  Statement statement = database.prepare("SELECT count(*) FROM artifacts WHERE job_id = ?1");
  statement.bind(job);
  std::int64_t count = 0;
  if (statement.next()) statement.read(count);
  return count;
}

void delete_artifact(Database& database, std::int64_t id) {
  database.prepare("DELETE FROM artifacts WHERE id = ?1").bind(id).run();
}

ArtifactList list_artifacts(Database& database, const ArtifactFilter& filter, Page page) {
  const std::string condition = condition_of(filter);
  ArtifactList list;
  {
    Statement count = database.prepare("SELECT count(*) FROM artifacts " + condition);
    bind_filter(count, filter);
    if (count.next()) count.read(list.total_count);
  }
  Statement statement =
      database.prepare(select(condition + " ORDER BY id DESC LIMIT ?4 OFFSET ?5"));
  bind_filter(statement, filter);
  statement.bind_at(4, page.limit());
  statement.bind_at(5, page.offset());
  list.artifacts = read_all(statement);
  return list;
}

std::vector<std::string> expire_artifacts(Database& database, core::Timestamp now, int limit) {
  Statement statement = database.prepare(
      "DELETE FROM artifacts WHERE id IN (SELECT id FROM artifacts WHERE expires_at <= ?1 "
      "ORDER BY expires_at LIMIT ?2) RETURNING digest");
  statement.bind(now, limit);
  std::vector<std::string> digests;
  while (statement.next())
    statement.read(digests.emplace_back());
  return digests;
}

bool is_blob_used(Database& database, std::string_view digest) {
  Statement statement = database.prepare(
      "SELECT 1 FROM artifacts WHERE digest = ?1 UNION ALL SELECT 1 FROM caches WHERE digest = ?1 "
      "LIMIT 1");
  statement.bind(digest);
  return statement.next();
}

}  // namespace gantry::storage
