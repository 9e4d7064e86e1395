// SPDX-License-Identifier: MIT
#include "storage/repos.hpp"

namespace gantry::storage {
namespace {

constexpr std::string_view kSelect =
    "SELECT id, full_name, clone_url, default_branch, github_id, installation_id, is_private, "
    "created_at, updated_at FROM repositories ";

Repository read_repository(const Statement& row) {
  Repository repository;
  row.read(repository.id, repository.full_name, repository.clone_url, repository.default_branch,
           repository.github_id, repository.installation_id, repository.is_private,
           repository.created_at, repository.updated_at);
  return repository;
}

template <class Key>
std::optional<Repository> find_where(Database& database, std::string_view condition,
                                     const Key& key) {
  Statement statement = database.prepare(std::string(kSelect).append(condition));
  statement.bind(key);
  if (!statement.next()) return std::nullopt;
  return read_repository(statement);
}

}  // namespace

core::RepoId put_repository(Database& database, const Repository& repository, core::Timestamp now) {
  Transaction transaction(database);
  if (repository.github_id) {
    database
        .prepare(
            "UPDATE repositories SET github_id = NULL WHERE github_id = ?1 AND full_name <> ?2")
        .bind(*repository.github_id, repository.full_name)
        .run();
  }
  Statement statement = database.prepare(
      "INSERT INTO repositories (full_name, clone_url, default_branch, github_id, "
      "installation_id, is_private, created_at, updated_at) "
      "VALUES (?1, ?2, ?3, coalesce(?4, ?8), ?5, ?6, ?7, ?7) "
      "ON CONFLICT (full_name) DO UPDATE SET full_name = excluded.full_name, "
      "clone_url = excluded.clone_url, default_branch = excluded.default_branch, "
      "github_id = coalesce(?4, github_id, ?8), "
      "installation_id = coalesce(excluded.installation_id, installation_id), "
      "is_private = excluded.is_private, updated_at = excluded.updated_at RETURNING id");
  statement.bind(repository.full_name, repository.clone_url, repository.default_branch,
                 repository.github_id, repository.installation_id, repository.is_private, now,
                 core::made_id(repository.full_name));
  core::RepoId id;
  if (statement.next()) statement.read(id);
  statement.run();
  transaction.commit();
  return id;
}

std::optional<Repository> find_repository(Database& database, core::RepoId id) {
  return find_where(database, "WHERE id = ?1", id);
}
std::optional<Repository> find_repository(Database& database, std::string_view full_name) {
  return find_where(database, "WHERE full_name = ?1", full_name);
}
std::optional<Repository> find_repository_by_github_id(Database& database, std::int64_t github_id) {
  return find_where(database, "WHERE github_id = ?1", github_id);
}

std::vector<Repository> list_repositories(Database& database, core::RepoId after, int limit) {
  Statement statement =
      database.prepare(std::string(kSelect).append("WHERE id > ?1 ORDER BY id LIMIT ?2"));
  statement.bind(after, limit);
  std::vector<Repository> repositories;
  while (statement.next())
    repositories.push_back(read_repository(statement));
  return repositories;
}

}  // namespace gantry::storage
