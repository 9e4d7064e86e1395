// SPDX-License-Identifier: MIT
#include "storage/caches.hpp"

namespace gantry::storage {
namespace {

constexpr std::string_view kSelect =
    "SELECT id, repo_id, scope, key, version, size, digest, created_at, last_used_at FROM caches ";

Cache read_cache(const Statement& row) {
  Cache cache;
  row.read(cache.id, cache.repo, cache.scope, cache.key, cache.version, cache.size, cache.digest,
           cache.created_at, cache.last_used_at);
  return cache;
}

// The first text after all that start with `prefix`. UTF-8 has no byte 0xff, so that ends a range.
std::string after_prefix(std::string_view prefix) {
  return std::string(prefix) + '\xff';
}

std::optional<Cache> newest_with_prefix(Database& database, const CacheLookup& lookup,
                                        const std::string& scope, const std::string& prefix) {
  Statement statement = database.prepare(
      std::string(kSelect) +
      "WHERE repo_id = ?1 AND scope = ?2 AND version = ?3 AND key >= ?4 AND key < ?5 "
      "ORDER BY created_at DESC, id DESC LIMIT 1");
  statement.bind(lookup.repo, scope, lookup.version, prefix, after_prefix(prefix));
  if (!statement.next()) return std::nullopt;
  return read_cache(statement);
}

std::string condition_of(const CacheFilter& filter) {
  std::string condition = "WHERE repo_id = ?1";
  if (filter.scope) condition += " AND scope = ?2";
  if (filter.key) condition += " AND key >= ?3 AND key < ?4";
  return condition;
}

void bind_filter(Statement& statement, const CacheFilter& filter) {
  statement.bind_at(1, filter.repo);
  if (filter.scope) statement.bind_at(2, *filter.scope);
  if (filter.key) {
    statement.bind_at(3, *filter.key);
    statement.bind_at(4, after_prefix(*filter.key));
  }
}

std::string_view column_of(CacheOrder order) {
  switch (order) {
    case CacheOrder::last_used_at:
      return "last_used_at";
    case CacheOrder::created_at:
      return "created_at";
    case CacheOrder::size:
      return "size";
  }
  return "id";
}

}  // namespace

std::optional<std::int64_t> insert_cache(Database& database, const Cache& cache) {
  Statement statement = database.prepare(
      "INSERT INTO caches (repo_id, scope, key, version, size, digest, created_at, last_used_at) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING RETURNING id");
  statement.bind(cache.repo, cache.scope, cache.key, cache.version, cache.size, cache.digest,
                 cache.created_at, cache.last_used_at);
  std::optional<std::int64_t> id;
  if (statement.next()) statement.read(id);
  statement.run();
  return id;
}

std::optional<Cache> find_cache(Database& database, const CacheLookup& lookup) {
  for (const std::string& scope : lookup.scopes) {
    if (auto exact = find_cache(database, lookup.repo, scope, lookup.key, lookup.version)) {
      return exact;
    }
    if (auto cache = newest_with_prefix(database, lookup, scope, lookup.key)) return cache;
    for (const std::string& key : lookup.restore_keys) {
      if (auto cache = newest_with_prefix(database, lookup, scope, key)) return cache;
    }
  }
  return std::nullopt;
}

std::optional<Cache> find_cache(Database& database, core::RepoId repo, std::string_view scope,
                                std::string_view key, std::string_view version) {
  Statement statement = database.prepare(
      std::string(kSelect) + "WHERE repo_id = ?1 AND scope = ?2 AND version = ?3 AND key = ?4");
  statement.bind(repo, scope, version, key);
  if (!statement.next()) return std::nullopt;
  return read_cache(statement);
}

std::optional<Cache> find_cache(Database& database, std::int64_t id) {
  Statement statement = database.prepare(std::string(kSelect) + "WHERE id = ?1");
  statement.bind(id);
  if (!statement.next()) return std::nullopt;
  return read_cache(statement);
}

void touch_cache(Database& database, std::int64_t id, core::Timestamp now) {
  database.prepare("UPDATE caches SET last_used_at = ?2 WHERE id = ?1").bind(id, now).run();
}

void delete_cache(Database& database, std::int64_t id) {
  database.prepare("DELETE FROM caches WHERE id = ?1").bind(id).run();
}

CacheList list_caches(Database& database, const CacheFilter& filter, Page page) {
  const std::string condition = condition_of(filter);
  CacheList list;
  {
    Statement sums =
        database.prepare("SELECT count(*), coalesce(sum(size), 0) FROM caches " + condition);
    bind_filter(sums, filter);
    if (sums.next()) sums.read(list.total_count, list.total_bytes);
  }
  const std::string way = filter.direction == Direction::ascending ? " ASC" : " DESC";
  Statement statement = database.prepare(std::string(kSelect) + condition + " ORDER BY " +
                                         std::string(column_of(filter.order)) + way + ", id" + way +
                                         " LIMIT ?5 OFFSET ?6");
  bind_filter(statement, filter);
  statement.bind_at(5, page.limit());
  statement.bind_at(6, page.offset());
  while (statement.next())
    list.caches.push_back(read_cache(statement));
  return list;
}

std::vector<Cache> caches_of_key(Database& database, core::RepoId repo, std::string_view key,
                                 const std::optional<std::string>& scope) {
  Statement statement = database.prepare(
      std::string(kSelect) +
      "WHERE repo_id = ?1 AND key = ?2 AND (?3 IS NULL OR scope = ?3) ORDER BY id");
  statement.bind(repo, key, scope);
  std::vector<Cache> caches;
  while (statement.next())
    caches.push_back(read_cache(statement));
  return caches;
}

std::vector<std::string> evict_caches(Database& database, core::RepoId repo,
                                      const CacheLimits& limits) {
  Transaction transaction(database);
  std::vector<std::string> digests;
  const auto take = [&](Statement& statement) {
    while (statement.next())
      statement.read(digests.emplace_back());
  };
  {
    Statement statement = database.prepare(
        "DELETE FROM caches WHERE repo_id = ?1 AND last_used_at < ?2 RETURNING digest");
    statement.bind(repo, limits.unused_since);
    take(statement);
  }
  if (limits.bytes > 0) {
    Statement statement = database.prepare(
        "DELETE FROM caches WHERE id IN (SELECT id FROM (SELECT id, sum(size) OVER "
        "(ORDER BY last_used_at DESC, id DESC) AS total FROM caches WHERE repo_id = ?1) "
        "WHERE total > ?2) RETURNING digest");
    statement.bind(repo, limits.bytes);
    take(statement);
  }
  transaction.commit();
  return digests;
}

}  // namespace gantry::storage
