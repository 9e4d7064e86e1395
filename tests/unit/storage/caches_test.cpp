// SPDX-License-Identifier: MIT
#include "storage/caches.hpp"

#include "fixture.hpp"

#include <doctest/doctest.h>

using namespace gantry;
using namespace gantry::storage;
using test::at;
using test::Fixture;

namespace {

struct Caches : Fixture {
  std::int64_t time = 1000;

  std::optional<std::int64_t> add(std::string key, std::string scope = "refs/heads/main",
                                  std::string version = "v") {
    Cache cache;
    cache.repo = repo;
    cache.scope = std::move(scope);
    cache.key = std::move(key);
    cache.version = std::move(version);
    cache.size = 100;
    cache.digest = std::string(64, 'a');
    cache.created_at = cache.last_used_at = at(time++);
    return insert_cache(db, cache);
  }
  std::string hit(std::vector<std::string> scopes, std::string key,
                  std::vector<std::string> restore_keys = {}, std::string version = "v") {
    CacheLookup lookup{repo, std::move(scopes), std::move(key), std::move(version),
                       std::move(restore_keys)};
    const auto found = find_cache(db, lookup);
    return found ? found->scope.substr(found->scope.rfind('/') + 1) + ":" + found->key : "";
  }
  std::vector<std::string> keys() {
    CacheFilter filter;
    filter.repo = repo;
    filter.order = CacheOrder::created_at;
    filter.direction = Direction::ascending;
    std::vector<std::string> result;
    for (const Cache& cache : list_caches(db, filter).caches)
      result.push_back(cache.key);
    return result;
  }
};

}  // namespace

TEST_CASE("caches: the key itself, then what starts with it, then restore keys in turn") {
  Caches c;
  for (const char* key : {"npm-linux-1", "npm-linux-2", "npm-mac-1", "npm"})
    c.add(key);
  const std::vector<std::string> main = {"refs/heads/main"};
  CHECK(c.hit(main, "npm-linux-1") == "main:npm-linux-1");
  CHECK(c.hit(main, "npm-linux-3", {"npm-linux-", "npm-"}) == "main:npm-linux-2");
  CHECK(c.hit(main, "x", {"npm-mac-", "npm-linux-"}) == "main:npm-mac-1");
  CHECK(c.hit(main, "x", {"npm-"}) == "main:npm-mac-1");  // the newest
  CHECK(c.hit(main, "npm-linux-") == "main:npm-linux-2");
  CHECK(c.hit(main, "x").empty());
  CHECK(c.hit(main, "npm", {}, "other version").empty());
}

TEST_CASE("caches: a prefix is text, not a pattern") {
  Caches c;
  c.add("a%b");
  c.add("größe-1");
  const std::vector<std::string> main = {"refs/heads/main"};
  CHECK(c.hit(main, "x", {"a_"}).empty());
  CHECK(c.hit(main, "x", {"a%"}) == "main:a%b");
  CHECK(c.hit(main, "x", {"grö"}) == "main:größe-1");
  CHECK(c.hit(main, "x", {"gr%"}).empty());
}

TEST_CASE("caches: scopes are searched in order, the first with any match wins") {
  Caches c;
  c.add("k-1", "refs/heads/main");
  c.add("k-0", "refs/heads/topic");
  c.add("k-1", "refs/heads/other");
  CHECK(c.hit({"refs/heads/topic", "refs/heads/main"}, "k-1", {"k-"}) == "topic:k-0");
  CHECK(c.hit({"refs/heads/topic", "refs/heads/main"}, "k-1") == "main:k-1");
  CHECK(c.hit({"refs/heads/topic"}, "k-1").empty());
}

TEST_CASE("caches: an entry is never replaced") {
  Caches c;
  CHECK(c.add("k").has_value());
  CHECK_FALSE(c.add("k").has_value());
  CHECK(c.add("k", "refs/heads/topic").has_value());
  CHECK(c.add("k", "refs/heads/main", "w").has_value());
}

TEST_CASE("caches: what was used longest ago goes first, over the limit and past the age") {
  Caches c;
  const auto first = c.add("1");
  for (const char* key : {"2", "3", "4"})
    c.add(key);
  touch_cache(c.db, *first, at(5000));
  CacheLimits limits;
  limits.bytes = 250;
  CHECK(evict_caches(c.db, c.repo, limits).size() == 2);
  CHECK(c.keys() == std::vector<std::string>{"1", "4"});
  limits.bytes = 0;
  limits.unused_since = at(5000);
  CHECK(evict_caches(c.db, c.repo, limits).size() == 1);
  CHECK(c.keys() == std::vector<std::string>{"1"});
}

TEST_CASE("caches: listed by key and scope with their sum") {
  Caches c;
  c.add("a-1");
  c.add("a-2", "refs/heads/topic");
  c.add("b-1");
  CacheFilter filter;
  filter.repo = c.repo;
  filter.key = "a-";
  CHECK(list_caches(c.db, filter).total_count == 2);
  CHECK(list_caches(c.db, filter).total_bytes == 200);
  filter.scope = "refs/heads/topic";
  CHECK(list_caches(c.db, filter, Page{1, 1}).caches.at(0).key == "a-2");
  CHECK(caches_of_key(c.db, c.repo, "a-1", std::nullopt).size() == 1);
  CHECK(caches_of_key(c.db, c.repo, "a-1", "refs/heads/topic").empty());
}
