// SPDX-License-Identifier: MIT
#include "core/base/files.hpp"

#include "core/base/error.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

using namespace gantry::core;

TEST_CASE("files: an atomic write replaces the whole file and leaves nothing beside it") {
  const TempDir dir;
  write_file_atomic(dir.path() / "a", "one", Durability::synced, 0600);
  write_file_atomic(dir.path() / "a", "two");
  CHECK(read_file(dir.path() / "a") == "two");
  CHECK(std::distance(fs::directory_iterator(dir.path()), {}) == 1);
}

TEST_CASE("files: a file over the limit is refused with its limit") {
  const TempDir dir;
  write_file_atomic(dir.path() / "a", "12345");
  CHECK_THROWS_WITH_AS(read_file(dir.path() / "a", 4), doctest::Contains("larger than 4 bytes"),
                       Exception);
}

TEST_CASE("files: open_beneath follows no link and leaves the folder by no path") {
  const TempDir dir;
  fs::create_directory(dir.path() / "in");
  write_file_atomic(dir.path() / "secret", "s");
  write_file_atomic(dir.path() / "in" / "plain", "p");
  fs::create_symlink("../secret", dir.path() / "in" / "link");
  const UniqueFd folder = open_directory(dir.path() / "in");
  CHECK(open_beneath(folder.get(), "plain", O_RDONLY));
  CHECK_FALSE(open_beneath(folder.get(), "absent", O_RDONLY));
  CHECK_THROWS_AS(open_beneath(folder.get(), "link", O_RDONLY), Exception);
  CHECK_THROWS_AS(open_beneath(folder.get(), "../secret", O_RDONLY), Exception);
  CHECK_THROWS_AS(open_beneath(folder.get(), dir.path() / "secret", O_RDONLY), Exception);
}

TEST_CASE("files: remove_tree takes a tree deeper than there are descriptors or bytes in a path") {
  const TempDir dir;
  fs::create_directory(dir.path() / "t");
  UniqueFd at = open_directory(dir.path() / "t");
  for (int i = 0; i < 5000; ++i) {
    REQUIRE(::mkdirat(at.get(), "folder", 0700) == 0);
    at.reset(::openat(at.get(), "folder", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  CHECK(remove_tree(dir.path() / "t") == std::nullopt);
  CHECK_FALSE(fs::exists(dir.path() / "t"));
}

TEST_CASE("files: remove_tree takes folders without write permission and leaves link targets") {
  const TempDir dir;
  fs::create_directories(dir.path() / "t" / "locked");
  write_file_atomic(dir.path() / "t" / "locked" / "f", "x");
  write_file_atomic(dir.path() / "kept", "x");
  fs::create_symlink(dir.path() / "kept", dir.path() / "t" / "link");
  ::chmod((dir.path() / "t" / "locked").c_str(), 0500);
  CHECK(remove_tree(dir.path() / "t") == std::nullopt);
  CHECK_FALSE(fs::exists(dir.path() / "t"));
  CHECK(fs::exists(dir.path() / "kept"));
}
