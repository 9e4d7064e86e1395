// SPDX-License-Identifier: MIT
// Submodules named by a commit, and patterns of sparse checkouts, the same questions put to git.
#include "daemon/git/sparse_patterns.hpp"
#include "tests/git/support.hpp"

#include <algorithm>

using namespace gantry;
using namespace gantry::testing;

namespace {

void add_gitlink(const Repository& repository, const std::string& path, char digit) {
  repository.git("update-index --add --cacheinfo 160000," + std::string(40, digit) + "," + path);
}

SubmoduleList submodules(const Repository& repository) {
  repository.git("add .gitmodules && git commit -q -m submodules");
  Client client(options_for(repository));
  fetch(client, repository);
  return client.call(FindSubmodules{repository.git("rev-parse HEAD")}, kDeadline);
}

}  // namespace

TEST_CASE("git submodules: those with a commit in the tree, by path; none without .gitmodules") {
  const Repository repository;
  const std::string plain = repository.commit("plain");
  add_gitlink(repository, "lib/b", 'b');
  add_gitlink(repository, "a", 'a');
  add_gitlink(repository, "off", 'c');
  repository.write(".gitmodules",
                   "[submodule \"x b\"]\n\tpath = lib/b\n\turl = ../b\n"
                   "[submodule \"a\"]\n\tpath = a\n\turl = https://example.com/a\n"
                   "[submodule \"off\"]\n\tpath = off\n\turl = ../c\n\tupdate = none\n"
                   "[submodule \"stale\"]\n\tpath = stale\n\turl = ../d\n[core]\n\tx = y\n");
  const SubmoduleList list = submodules(repository);
  REQUIRE(list.submodules.size() == 2);
  CHECK(list.submodules[0].path == "a");
  CHECK(list.submodules[1].name == "x b");
  CHECK(list.submodules[1].url == "../b");
  CHECK(list.submodules[1].sha == std::string(40, 'b'));
  Client client(options_for(repository));
  CHECK(client.call(FindSubmodules{plain}, kDeadline).submodules.empty());
}

TEST_CASE("git submodules: names and paths that lead out, and urls that are options, are refused") {
  for (const char* text : {"[submodule \"../../x\"]\n\tpath = a\n\turl = ../b\n",
                           "[submodule \"a\"]\n\tpath = ../a\n\turl = ../b\n",
                           "[submodule \"a\"]\n\tpath = .git/hooks\n\turl = ../b\n",
                           "[submodule \"a\"]\n\tpath = /a\n\turl = ../b\n",
                           "[submodule \"a\"]\n\tpath = a\n\turl = -u./x\n",
                           "[submodule \"a\"]\n\tpath = a\n\turl = \"https://x/y\\n[core]\"\n",
                           "[submodule \"a\"]\n\tpath = a/.GIT/b\n\turl = ../b\n",
                           "[submodule \"a\"]\n\tpath = a\n\turl = ../b\n"
                           "[submodule \"a/hooks\"]\n\tpath = b\n\turl = ../b\n",
                           "[submodule \"a\"]\n\tpath = a\n", "[submodule \"a\n"}) {
    CAPTURE(text);
    const Repository repository;
    add_gitlink(repository, "a", 'a');
    add_gitlink(repository, "b", 'b');
    repository.write(".gitmodules", text);
    CHECK_FALSE(error_of([&] { submodules(repository); }).message.empty());
  }
}

TEST_CASE("sparse patterns: take what git takes") {
  const Repository repository;
  const std::vector<std::string> files = {"a.py",      "src/a.py",     "src/deep/b.py", "src/c.txt",
                                          "docs/d.md", "docs/x/e.md",  "x/docs/f.md",   "b c/d",
                                          "src/[z]/q", "lib/one/two/t"};
  for (const std::string& file : files)
    repository.write(file, "x");
  repository.commit("all");
  for (const std::string text :
       {"*.py", "*.py\n!deep/", "/docs", "docs", "docs/", "/*\n!/src/", "src/**/b.py", "**/d.md",
        "lib/**", "/src/*.py", "s?c", "[a-d].*", "[!a]*/", "src/\\[z\\]", "b c", "# x\nd.md",
        "!x\nx", "**", "nothing"}) {
    CAPTURE(text);
    core::write_file_atomic(repository.source / ".git/info/sparse-checkout", text + "\n");
    const std::string taken = repository.git(
        "-c core.sparseCheckout=true read-tree -mu HEAD 2>/dev/null; git ls-files -t | sed -n "
        "'s/^H //p'");
    std::vector<std::string> lines;
    for (const std::string_view line : core::split(text, '\n'))
      lines.emplace_back(line);
    const SparsePatterns patterns(lines);
    std::string ours;
    std::vector<std::string> sorted = files;
    std::sort(sorted.begin(), sorted.end());
    for (const std::string& file : sorted)
      ours += patterns.takes(file) ? file + "\n" : "";
    CHECK(std::string(core::trim(ours)) == taken);
  }
}
