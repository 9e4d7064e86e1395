// SPDX-License-Identifier: MIT
#include "daemon/runner/sandbox/tree_look.hpp"

#include "core/base/files.hpp"
#include "core/run/sandbox_spec.hpp"
#include "daemon/runner/sandbox/sandbox.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace gantry::daemon::runner {
namespace {

struct Folder {
  Folder() {
    fs::create_directories(top / "inner");
    core::write_file_atomic(top / "a.conf", "a");
    core::write_file_atomic(top / "inner/b.conf", "b");
    fs::create_symlink("/usr/share/c.conf", top / "c.conf");
  }
  bool holds() const { return std::all_of(tree->facts.begin(), tree->facts.end(), still_holds); }

  core::TempDir dir;
  fs::path top = dir.path() / "etc";
  std::optional<Tree> tree;
};

}  // namespace

TEST_CASE("look at a tree: folders, files and links are found, and hold while nothing changes") {
  Folder folder;
  folder.tree = look_at_tree(folder.top);
  REQUIRE(folder.tree.has_value());
  CHECK(folder.tree->folders == std::vector{folder.top, folder.top / "inner"});
  CHECK(folder.tree->files.size() == 2);
  REQUIRE(folder.tree->links.size() == 1);
  CHECK(folder.tree->links[0].target == "/usr/share/c.conf");
  CHECK(folder.holds());
}

TEST_CASE("look at a tree: every change of it is noticed") {
  Folder folder;
  folder.tree = look_at_tree(folder.top);
  REQUIRE(folder.tree.has_value());
  SUBCASE("a file written in place") {
    core::write_all(core::UniqueFd(::open((folder.top / "inner/b.conf").c_str(), O_WRONLY)).get(),
                    "another");
  }
  SUBCASE("a file replaced") {
    core::write_file_atomic(folder.top / "a.conf", "z");
  }
  SUBCASE("a file more") {
    core::write_file_atomic(folder.top / "inner/d.conf", "d");
  }
  SUBCASE("a link that leads elsewhere") {
    fs::remove(folder.top / "c.conf");
    fs::create_symlink("/usr/share/other.conf", folder.top / "c.conf");
  }
  SUBCASE("a file nobody may read any more") {
    fs::permissions(folder.top / "a.conf", fs::perms::none);
  }
  SUBCASE("nothing left") {
    fs::remove_all(folder.top);
  }
  CHECK_FALSE(folder.holds());
}

TEST_CASE("look at a tree: what is large, or no folder, is not one to copy") {
  Folder folder;
  CHECK_FALSE(look_at_tree(folder.top / "a.conf").has_value());
  CHECK_FALSE(look_at_tree(folder.top / "missing").has_value());
  CHECK_FALSE(look_at_tree(folder.top / "c.conf").has_value());
  core::write_file_atomic(folder.top / "large", std::string(5 << 20, 'x'));
  CHECK_FALSE(look_at_tree(folder.top).has_value());
}

TEST_CASE("host root: the folder made for /etc has what this host has, and is made once") {
  const core::TempDir cache;
  core::run::HostRootOptions options;
  const core::run::HostRoot host = host_root(options, cache.path());
  REQUIRE(!host.etc_folder.empty());
  CHECK(host.etc_folder == host_root(options, cache.path()).etc_folder);
  const fs::path made = host.etc_folder;
  CHECK(core::read_file(made / "passwd").find("runner:x:1001") != std::string::npos);
  for (const char* path : {"ssl/certs/ca-certificates.crt", "protocols", "ld.so.cache"}) {
    const fs::path here = fs::path("/etc") / path;
    if (!fs::exists(here)) continue;
    CAPTURE(path);
    CHECK(core::read_file(made / path) == core::read_file(here));
  }
}

}  // namespace gantry::daemon::runner
