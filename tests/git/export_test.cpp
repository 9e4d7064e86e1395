// SPDX-License-Identifier: MIT
#include "tests/git/support.hpp"

using namespace gantry;
using namespace gantry::testing;
using core::Errc;

namespace {

// main: one (tag v1), two; topic: three, which is also the merge of pull request 7.
struct History : Repository {
  std::string one, two, three;
  Client client{options_for(*this)};

  History() {
    write(".gitattributes", "*.txt text eol=crlf\n");
    write("sub/a.txt", "line\n");
    write("run.sh", "#!/bin/sh\n");
    shell(source, "chmod +x run.sh && ln -s sub/a.txt link && ln -s /etc/passwd outside");
    one = commit("one");
    git("tag -a v1 -m v1");
    two = commit("two");
    git("checkout -q -b topic");
    write("three", "3");
    three = commit("three");
    git("update-ref refs/pull/7/merge HEAD && git checkout -q main");
  }
};

// What must hold of every checkout, in the eyes of git.
void check_is_sound(const fs::path& folder) {
  CHECK(shell(folder, "git status --porcelain") == "");
  CHECK(shell(folder, "git fsck --full 2>&1 | grep -Ev '^(dangling|notice)' || true") == "");
  CHECK(shell(folder, "git config remote.origin.url") == "https://github.com/o/r");
  CHECK(shell(folder, "grep -c 'url = https://github.com/o/r$' .git/config") == "1");
}

}  // namespace

TEST_CASE("git export: a branch is checked out as actions/checkout leaves it") {
  History history;
  const fs::path tree =
      export_to(history.client, history, {.sha = history.two, .ref = "refs/heads/main"}, "branch");
  check_is_sound(tree);
  CHECK(shell(tree, "git symbolic-ref HEAD") == "refs/heads/main");
  CHECK(shell(tree, "git rev-parse HEAD origin/main") == history.two + "\n" + history.two);
  CHECK(shell(tree, "git rev-parse --abbrev-ref main@{upstream}") == "origin/main");
  CHECK(shell(tree, "git for-each-ref --format='%(refname)'") ==
        "refs/heads/main\nrefs/remotes/origin/main");
  CHECK(shell(tree, "git rev-list --count HEAD") == "1");
  CHECK(shell(tree, "git rev-parse --is-shallow-repository") == "true");
  CHECK(shell(tree, "git config --get-regexp 'core.protect.*' || true") == "");
}

TEST_CASE("git export: file modes, links and line ends are those of the commit") {
  History history;
  const fs::path tree = export_to(history.client, history, {.sha = history.two}, "modes");
  CHECK((fs::status(tree / "run.sh").permissions() & fs::perms::owner_exec) != fs::perms::none);
  CHECK((fs::status(tree / "sub/a.txt").permissions() & fs::perms::owner_exec) == fs::perms::none);
  CHECK(fs::read_symlink(tree / "link") == "sub/a.txt");
  CHECK(fs::read_symlink(tree / "outside") == "/etc/passwd");
  CHECK(core::read_file(tree / "sub/a.txt") == "line\r\n");
}

TEST_CASE("git export: a pull request is detached on its merge") {
  History history;
  const fs::path tree = export_to(history.client, history,
                                  {.sha = history.three, .ref = "refs/pull/7/merge"}, "pull");
  check_is_sound(tree);
  CHECK(core::read_file(tree / ".git/HEAD") == history.three + "\n");
  CHECK(shell(tree, "git rev-parse refs/remotes/pull/7/merge") == history.three);
}

TEST_CASE("git export: a tag is detached and keeps its annotation") {
  History history;
  const fs::path tree =
      export_to(history.client, history, {.sha = history.one, .ref = "refs/tags/v1"}, "tag");
  check_is_sound(tree);
  CHECK(core::read_file(tree / ".git/HEAD") == history.one + "\n");
  CHECK(shell(tree, "git describe") == "v1");
}

TEST_CASE("git export: depth 0 has the whole history, every branch and every tag") {
  History history;
  const fs::path tree = export_to(
      history.client, history, {.sha = history.two, .ref = "refs/heads/main", .depth = 0}, "full");
  check_is_sound(tree);
  CHECK(shell(tree, "git rev-list --count HEAD") == "2");
  CHECK(shell(tree, "git describe") == "v1-1-g" + history.two.substr(0, 7));
  CHECK(shell(tree, "git rev-parse origin/topic") == history.three);
  CHECK(shell(tree, "git rev-parse --is-shallow-repository") == "false");
}

TEST_CASE("git export: the history ends at the depth asked for, also that of tags") {
  History history;
  const fs::path two =
      export_to(history.client, history, {.sha = history.three, .depth = 2}, "two");
  check_is_sound(two);
  CHECK(shell(two, "git rev-list --count HEAD") == "2");
  const fs::path tags =
      export_to(history.client, history,
                {.sha = history.two, .ref = "refs/heads/main", .tags = true}, "tags");
  check_is_sound(tags);
  CHECK(shell(tags, "git tag") == "v1");
  CHECK(shell(tags, "git rev-list --count HEAD v1") == "2");
  CHECK(shell(tags, "git rev-list --count HEAD") == "1");
}

TEST_CASE("git export: sparse takes the chosen folders and what lies on the way") {
  History history;
  history.write("a/b/c/deep", "1");
  history.write("a/b/file", "1");
  history.write("a/other/file", "1");
  const std::string sha = history.commit("folders");
  const fs::path tree = export_to(
      history.client, history, {.sha = sha, .ref = "refs/heads/main", .sparse = {"a/b"}}, "sparse");
  check_is_sound(tree);
  CHECK(fs::exists(tree / "a/b/c/deep"));
  CHECK(fs::exists(tree / "run.sh"));
  CHECK_FALSE(fs::exists(tree / "a/other"));
  CHECK_FALSE(fs::exists(tree / "sub"));
  CHECK(shell(tree, "git sparse-checkout list") == "a/b");
  CHECK(shell(tree, "git ls-files | wc -l") == shell(history.source, "git ls-files | wc -l"));
}

TEST_CASE("git export: names that mean something in a config file are quoted") {
  History history;
  history.git("branch 'a\"b;#c'");
  const fs::path tree = export_to(
      history.client, history,
      {.sha = history.two, .ref = "refs/heads/a\"b;#c", .remote_url = "/x \"y\"#z"}, "quoted");
  CHECK(shell(tree, "git config remote.origin.url") == "/x \"y\"#z");
  CHECK(shell(tree, "git rev-parse --abbrev-ref @{upstream}") == "origin/a\"b;#c");
}

TEST_CASE("git export: bad requests are refused") {
  History history;
  fetch(history.client, history);
  const fs::path folder = history.make_folder("exports/full");
  core::write_file_atomic(folder / "file", "mine");
  const auto code = [&](Export what) {
    return error_of([&] { history.client.call(what, kDeadline); }).code;
  };
  CHECK(code({.sha = history.two, .dest = folder}) == Errc::conflict);
  CHECK(code({.sha = history.two, .dest = folder / "absent"}) == Errc::conflict);
  CHECK(core::read_file(folder / "file") == "mine");
  const fs::path empty = history.make_folder("exports/empty");
  CHECK(code({.sha = history.two, .dest = empty, .ref = "main"}) == Errc::invalid);
  CHECK(code({.sha = history.two, .dest = empty, .ref = "refs/heads/../x"}) == Errc::invalid);
  CHECK(code({.sha = history.two, .dest = empty, .remote_url = "a\nb"}) == Errc::invalid);
  CHECK(code({.sha = std::string(40, 'd'), .dest = empty}) == Errc::not_found);
}
