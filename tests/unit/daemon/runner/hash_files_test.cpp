// SPDX-License-Identifier: MIT
#include "daemon/runner/hash_files.hpp"

#include "core/base/files.hpp"
#include "core/expr/value.hpp"
#include "daemon/runner/sha256.hpp"
#include "tests/support/conformance.hpp"

#include <doctest.h>

#include <cstdlib>

using namespace gantry;
namespace fs = std::filesystem;

namespace {

std::string sha256_hex(std::string_view text) {
  daemon::runner::Sha256 hash;
  hash.update(text);
  return daemon::runner::to_hex(hash.finish());
}

struct Tree {
  core::TempDir folder;
  core::UniqueFd fd = core::open_directory(folder.path());

  void write(const fs::path& name, std::string_view content) {
    fs::create_directories((folder.path() / name).parent_path());
    core::write_file_atomic(folder.path() / name, content);
  }
  std::chrono::milliseconds time_limit{120'000};
  core::Result<std::string> hash(std::vector<std::string> arguments) {
    daemon::runner::Workspace workspace;
    workspace.folder_fd = fd.get();
    workspace.path = "/home/runner/work/r/r";
    workspace.home = "/home/runner";
    workspace.time_limit = time_limit;
    return daemon::runner::hash_files(workspace, arguments);
  }
};

}  // namespace

TEST_CASE("SHA-256 of the standard's examples") {
  CHECK(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(sha256_hex(std::string(1'000'000, 'a')) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("hashFiles gives the toolkit's results") {
  const auto file = tests::conformance_data("toolkit/hashfiles_cases.json");
  if (!file) return;
  const auto data =
      core::expr::parse_json(core::read_file(*file), core::expr::Keys::case_sensitive);
  REQUIRE(data.has_value());
  Tree tree;
  for (const auto& [name, content] : (*data)["tree"].object().entries()) {
    tree.write(name, content.string());
  }
  for (const auto& one : (*data)["cases"].array()) {
    std::vector<std::string> patterns;
    for (const auto& pattern : one["patterns"].array())
      patterns.push_back(pattern.string());
    CAPTURE(core::expr::to_json(one));
    const auto result = tree.hash(patterns);
    REQUIRE(result.has_value());
    CHECK(*result == one["result"].to_string());
  }
}

TEST_CASE("hashFiles knows sets, question marks, comments and absolute patterns") {
  Tree tree;
  tree.write("src/a1.lock", "1");
  tree.write("src/.hidden.lock", "2");
  const std::string both = *tree.hash({"**/*.lock"});
  CHECK(both == *tree.hash({"/home/runner/work/r/r/src/*"}));
  CHECK(both == *tree.hash({"# comment\nsrc/"}));
  CHECK(both == *tree.hash({"~/work/r/r/src"}));
  CHECK(*tree.hash({"src/[a-b]?.lock"}) == *tree.hash({"src/*", "!src/.*"}));
  CHECK(*tree.hash({"src/[!a]*.lock"}) != *tree.hash({"src/a*"}));
  CHECK(*tree.hash({"none/*"}) == "");
  CHECK(*tree.hash({"/etc/passwd"}) == "");
}

TEST_CASE("hashFiles reads what a link in the workspace leads to, never what lies outside") {
  Tree tree;
  tree.write("real/file", "content");
  fs::create_symlink("real/file", tree.folder.path() / "link");
  CHECK(*tree.hash({"link"}) == *tree.hash({"real/file"}));
  fs::create_symlink("/etc/passwd", tree.folder.path() / "outside");
  const auto outside = tree.hash({"outside"});
  REQUIRE_FALSE(outside.has_value());
  CHECK(outside.error().message == "hashing 'outside': it leads out of the workspace");
  fs::create_symlink("nowhere", tree.folder.path() / "broken");
  CHECK_FALSE(tree.hash({"broken"}).has_value());
}

TEST_CASE("hashFiles goes into linked folders only when told to, and out of circles") {
  Tree tree;
  tree.write("real/file", "content");
  fs::create_directory_symlink("real", tree.folder.path() / "folder");
  CHECK(*tree.hash({"folder/**"}) == "");
  CHECK(*tree.hash({"--follow-symbolic-links", "folder/**"}) == *tree.hash({"real/**"}));
  fs::create_directory_symlink("..", tree.folder.path() / "real/up");
  CHECK_FALSE(tree.hash({"--follow-symbolic-links", "**"}).has_value());
}

TEST_CASE("hashFiles skips pipes instead of waiting for them") {
  Tree tree;
  REQUIRE(::system(("mkfifo " + (tree.folder.path() / "pipe").string()).c_str()) == 0);
  CHECK(*tree.hash({"**"}) == "");
}

TEST_CASE("hashing a file that does not end is given up") {
  Tree tree;
  tree.write("endless", "");
  fs::resize_file(tree.folder.path() / "endless", 1ULL << 42U);
  tree.time_limit = std::chrono::milliseconds(50);
  const auto hash = tree.hash({"endless"});
  REQUIRE_FALSE(hash);
  CHECK(hash.error().code == core::Errc::timed_out);
}
