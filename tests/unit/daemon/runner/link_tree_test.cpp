// SPDX-License-Identifier: MIT
#include "daemon/runner/link_tree.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

using namespace gantry;
using daemon::runner::link_tree;
namespace fs = std::filesystem;

TEST_CASE("link tree: files share their blocks, links are copied and never followed") {
  const core::TempDir folder;
  const fs::path from = folder.path() / "from", to = folder.path() / "a/b/to";
  fs::create_directories(from / "sub/deeper");
  core::write_file_atomic(from / "sub/deeper/file", "text");
  fs::create_symlink("/etc", from / "outside");
  fs::create_symlink("nowhere", from / "sub/broken");
  link_tree(from, to);
  CHECK(fs::equivalent(from / "sub/deeper/file", to / "sub/deeper/file"));
  CHECK(fs::read_symlink(to / "outside") == "/etc");
  CHECK(fs::read_symlink(to / "sub/broken") == "nowhere");
  CHECK(fs::hard_link_count(from / "sub/deeper/file") == 2);
}

TEST_CASE("link tree: another file system gets a copy") {
  const fs::path other = "/dev/shm";
  const core::TempDir folder;
  if (!fs::is_directory(other) || ::access(other.c_str(), W_OK) != 0) {
    MESSAGE("SKIPPED: no second file system");
    return;
  }
  const core::TempDir there(other);
  fs::create_directories(folder.path() / "from/sub");
  core::write_file_atomic(folder.path() / "from/sub/file", "text");
  link_tree(folder.path() / "from", there.path() / "to");
  CHECK(core::read_file(there.path() / "to/sub/file") == "text");
}

TEST_CASE("link tree: a target that is there, or a source that is not, is refused") {
  const core::TempDir folder;
  fs::create_directories(folder.path() / "from");
  core::write_file_atomic(folder.path() / "from/x", "1");
  link_tree(folder.path() / "from", folder.path() / "to");
  CHECK_THROWS_AS(link_tree(folder.path() / "from", folder.path() / "to"), core::Exception);
  CHECK_THROWS_AS(link_tree(folder.path() / "gone", folder.path() / "other"), core::Exception);
}
