// SPDX-License-Identifier: MIT
// Cache entries of a repository. An entry belongs to the ref whose run made it (its scope) and is
// never changed; runs look through the scopes they may read.
#pragma once

#include "storage/page.hpp"
#include "storage/sqlite.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::storage {

struct Cache {
  std::int64_t id = 0;
  core::RepoId repo;
  std::string scope;
  std::string key;
  std::string version;
  std::int64_t size = 0;
  std::string digest;  // of its blob
  core::Timestamp created_at;
  core::Timestamp last_used_at;
};

// Its id (`id` is not used); nothing when the scope has one of that key and version.
std::optional<std::int64_t> insert_cache(Database& database, const Cache& cache);

struct CacheLookup {
  core::RepoId repo;
  std::vector<std::string> scopes;  // in the order they are searched
  std::string key, version;
  std::vector<std::string> restore_keys;
};
// In each scope: the key itself, then the newest that starts with the key, then with each restore
// key in turn.
std::optional<Cache> find_cache(Database& database, const CacheLookup& lookup);
std::optional<Cache> find_cache(Database& database, core::RepoId repo, std::string_view scope,
                                std::string_view key, std::string_view version);
std::optional<Cache> find_cache(Database& database, std::int64_t id);
void touch_cache(Database& database, std::int64_t id, core::Timestamp now);
void delete_cache(Database& database, std::int64_t id);

enum class CacheOrder { last_used_at, created_at, size };
enum class Direction { descending, ascending };
struct CacheFilter {
  core::RepoId repo;
  std::optional<std::string> key;  // what keys start with
  std::optional<std::string> scope;
  CacheOrder order = CacheOrder::last_used_at;
  Direction direction = Direction::descending;
};
struct CacheList {
  std::vector<Cache> caches;
  std::int64_t total_count = 0;
  std::int64_t total_bytes = 0;
};
CacheList list_caches(Database& database, const CacheFilter& filter, Page page = {});
// Of exactly this key, in one scope or in all.
std::vector<Cache> caches_of_key(Database& database, core::RepoId repo, std::string_view key,
                                 const std::optional<std::string>& scope);

struct CacheLimits {
  std::int64_t bytes = 0;        // of a repository; 0 = no limit
  core::Timestamp unused_since;  // not used since then: gone
};
// Deletes what is over a limit, least recently used first; the digests of the blobs.
std::vector<std::string> evict_caches(Database& database, core::RepoId repo,
                                      const CacheLimits& limits);

}  // namespace gantry::storage
