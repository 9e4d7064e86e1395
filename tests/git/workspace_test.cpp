// SPDX-License-Identifier: MIT
#include "daemon/git/workspace.hpp"

#include "tests/git/support.hpp"

#include <sys/stat.h>

#include <atomic>
#include <thread>

using namespace gantry;
using namespace gantry::testing;

namespace {

struct Shared : Repository {
  SharedTrees trees{dir.path() / "trees", mirror};
  std::string sha;
  std::atomic<int> exports = 0;
  Exporter exporter = [this](const Export& what) {
    ++exports;
    ClientOptions options = options_for(*this);
    options.access = MirrorAccess::read_only;
    options.source = {};
    options.export_to = what.dest;
    Client(options).call(what, kDeadline);
  };

  Shared() {
    write("sub/file", "text");
    shell(source, "ln -s sub/file link && chmod +x sub/file");
    sha = commit("one");
    Client client(options_for(*this));
    fetch(client, *this);
  }
  Export what() const {
    return {.sha = sha, .ref = "refs/heads/main", .remote_url = "https://github.com/o/r"};
  }
};

struct stat status_of(const fs::path& path) {
  struct stat status {};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status;
}

}  // namespace

TEST_CASE("git workspace: a copy has contents, modes, times and links") {
  const core::TempDir dir;
  const fs::path from = dir.path() / "from";
  fs::create_directories(from / "a/read-only");
  core::write_file_atomic(from / "a/small", "small");
  core::write_file_atomic(from / "a/large", std::string(3 << 20, 'x'));
  core::write_file_atomic(from / "a/empty", "");
  core::write_file_atomic(from / "a/read-only/x", "x", core::Durability::none, 0555);
  fs::create_symlink("/etc/passwd", from / "outside");
  fs::create_directory_symlink("a", from / "inside");
  shell(from,
        "touch -d '2001-02-03 04:05:06.789' a/small a/read-only && chmod 555 a/read-only && "
        "touch -h -d 2002-02-02 outside && mkfifo pipe");
  const CopyStatistics copied = copy_tree(from, dir.path() / "to");
  const fs::path to = dir.path() / "to";
  CHECK(copied.files == 4);
  CHECK(copied.bytes == (3 << 20) + 6);
  CHECK(shell(dir.path(), "diff -r --no-dereference -x pipe from to") == "");
  CHECK_FALSE(fs::exists(to / "pipe"));
  for (const char* name :
       {"a/small", "a/large", "a/read-only", "a/read-only/x", "a", "outside", "inside"}) {
    CAPTURE(name);
    const struct stat a = status_of(from / name);
    const struct stat b = status_of(to / name);
    CHECK(a.st_mode == b.st_mode);
    CHECK(a.st_mtim.tv_sec == b.st_mtim.tv_sec);
    CHECK(a.st_mtim.tv_nsec == b.st_mtim.tv_nsec);
  }
  CHECK(error_of([&] { copy_tree(from, to); }).code == core::Errc::conflict);
}

TEST_CASE("git workspace: jobs of one commit share one export and cannot touch each other") {
  Shared shared;
  {
    std::vector<std::jthread> jobs;
    for (int i = 0; i < 4; ++i) {
      jobs.emplace_back([&, i] {
        give_tree(shared.trees, shared.what(), shared.dir.path() / ("job" + std::to_string(i)),
                  shared.exporter);
      });
    }
  }
  CHECK(shared.exports == 1);
  core::write_file_atomic(shared.dir.path() / "job0/sub/file", "changed");
  for (const char* job : {"job1", "job3"}) {
    CHECK(shell(shared.dir.path() / job, "cat sub/file && git status --porcelain") == "text");
    CHECK(shell(shared.dir.path() / job, "git rev-parse HEAD") == shared.sha);
  }
  CHECK(shell(shared.dir.path() / "job0", "git status --porcelain") == "M sub/file");
}

TEST_CASE("git workspace: an edit that keeps the size is seen by git in the copy") {
  Shared shared;
  const fs::path job = shared.dir.path() / "job";
  give_tree(shared.trees, shared.what(), job, shared.exporter);
  shell(job, "printf TEXT > sub/file");
  CHECK(shell(job, "git status --porcelain") == "M sub/file");
}

TEST_CASE("git workspace: other options, and moved refs where all are exported, are other trees") {
  Shared shared;
  Export full = shared.what();
  full.depth = 0;
  const std::string shallow_name = tree_name(shared.trees, shared.what());
  const std::string full_name = tree_name(shared.trees, full);
  CHECK(shallow_name != full_name);
  shared.git("tag new");
  Client client(options_for(shared));
  fetch(client, shared);
  CHECK(tree_name(shared.trees, shared.what()) == shallow_name);
  CHECK(tree_name(shared.trees, full) != full_name);
}

TEST_CASE("git workspace: a failed or killed export leaves nothing that is used") {
  Shared shared;
  const fs::path job = shared.dir.path() / "job";
  const Exporter failing = [](const Export& what) {
    core::write_file_atomic(fs::path(what.dest) / "half", "");
    throw core::Exception(core::Errc::io, "no space");
  };
  CHECK(error_of([&] { give_tree(shared.trees, shared.what(), job, failing); }).message ==
        "no space");
  give_tree(shared.trees, shared.what(), job, shared.exporter);
  CHECK_FALSE(fs::exists(job / "half"));
  CHECK(fs::exists(job / "sub/file"));
}

TEST_CASE("git workspace: the trees unused for longest go first") {
  Shared shared;
  std::vector<fs::path> made;
  for (int depth = 1; depth <= 4; ++depth) {
    Export what = shared.what();
    what.depth = static_cast<std::uint64_t>(depth);
    give_tree(shared.trees, what, shared.dir.path() / ("d" + std::to_string(depth)),
              shared.exporter);
    made.push_back(shared.trees.folder / tree_name(shared.trees, what));
    shell(shared.dir.path(),
          "touch -d '2020-01-0" + std::to_string(depth) + "' '" + made.back().string() + ".lock'");
  }
  CHECK(evict_trees(shared.trees.folder, {.newest = 3}) == 1);
  CHECK_FALSE(fs::exists(made[0]));
  CHECK(fs::exists(made[1]));
  CHECK(evict_trees(shared.trees.folder, {.newest = 3}) == 0);
  CHECK(evict_trees(shared.trees.folder, {.newest = 3, .bytes = 1}) == 3);
  CHECK(evict_trees(shared.dir.path() / "absent", {}) == 0);
}
