// SPDX-License-Identifier: MIT
#include "tests/git/support.hpp"

using namespace gantry;
using namespace gantry::testing;

namespace {

struct Entry {
  std::string mode;
  std::string name;
  std::string id;
};

// A tree git itself would not make; its id.
std::string make_tree(const Repository& repository, const std::vector<Entry>& entries) {
  std::string script = "(";
  for (const Entry& entry : entries) {
    std::string escaped;
    for (const char c : entry.name) {
      constexpr std::string_view kDigits = "01234567";
      const auto byte = static_cast<unsigned char>(c);
      escaped += {'\\', kDigits[byte >> 6], kDigits[(byte >> 3) & 7], kDigits[byte & 7]};
    }
    script += "printf '" + entry.mode + " " + escaped + "\\000'; printf '" + entry.id +
              "' | perl -pe 's/(..)/chr hex $1/ge'; ";
  }
  return shell(repository.source, script + ") | git hash-object -t tree --stdin -w --literally");
}

std::string make_blob(const Repository& repository, const std::string& text) {
  return shell(repository.source, "printf '" + text + "' | git hash-object -w --stdin");
}

// Fetches and exports a commit of that tree; the error, or none.
std::string export_tree(const Repository& repository, const std::string& tree) {
  const std::string sha = shell(repository.source, "git commit-tree -m hostile " + tree);
  repository.git("update-ref refs/heads/main " + sha);
  Client client(options_for(repository));
  try {
    export_to(client, repository, {.sha = sha, .ref = "refs/heads/main"}, "hostile");
    return {};
  } catch (const core::Exception& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("git hostile: names that leave the tree or reach into .git are refused") {
  const std::vector<std::string> names = {"../escaped",
                                          "..",
                                          ".",
                                          "/escaped",
                                          ".git",
                                          ".GIT",
                                          ".Git",
                                          "git~1",
                                          "sub/../../escaped",
                                          ".git/hooks/post-checkout",
                                          ".g\u200cit",
                                          ".git ",
                                          ".git.",
                                          ".git::$INDEX_ALLOCATION"};
  for (const std::string& name : names) {
    CAPTURE(name);
    const Repository repository;
    const std::string blob = make_blob(repository, "evil");
    CHECK(export_tree(repository, make_tree(repository, {{"100644", name, blob}})) != "");
    CHECK_FALSE(fs::exists(repository.dir.path() / "exports/escaped"));
    CHECK_FALSE(fs::exists(repository.dir.path() / "exports/hostile/.git/hooks/post-checkout"));
  }
}

TEST_CASE("git hostile: a folder named .git in any case is refused") {
  for (const std::string name : {".git", ".GiT", "GIT~1"}) {
    CAPTURE(name);
    const Repository repository;
    const std::string blob = make_blob(repository, "evil");
    const std::string inner = make_tree(repository, {{"100755", "post-checkout", blob}});
    const std::string hooks = make_tree(repository, {{"40000", "hooks", inner}});
    CHECK(export_tree(repository, make_tree(repository, {{"40000", name, hooks}})) != "");
    CHECK_FALSE(fs::exists(repository.dir.path() / "exports/hostile/.git/hooks/post-checkout"));
  }
}

TEST_CASE("git hostile: a .git that is a link or a file is refused, whatever its case") {
  for (const std::string name : {".git", ".Git", ".GIT"}) {
    for (const std::string mode : {"120000", "100644", "160000"}) {
      CAPTURE(name);
      CAPTURE(mode);
      const Repository repository;
      const fs::path outside = repository.make_folder("outside");
      const std::string blob = make_blob(repository, "gitdir: " + outside.string());
      CHECK(export_tree(repository, make_tree(repository, {{mode, name, blob}})) != "");
      CHECK(fs::is_empty(outside));
    }
  }
}

TEST_CASE("git hostile: attributes name filters, and none of them is run") {
  const Repository repository;
  const fs::path flag = repository.make_folder("exports") / "ran";
  for (const char* file : {"a.x", "a.y", "a.z"})
    repository.write(file, "as it is");
  repository.commit("files");
  repository.write(".gitattributes",
                   "*.x filter=evil\n*.y diff=evil merge=evil\n*.z working-tree-encoding=evil\n");
  repository.git(
      "update-index --add --cacheinfo 100644,$(git hash-object -w --no-filters "
      ".gitattributes),.gitattributes && git commit -q -m filters");
  repository.git("config filter.evil.smudge 'touch " + flag.string() + "'");
  repository.git("config filter.evil.process 'touch " + flag.string() + "'");
  repository.git("config filter.evil.required true");
  CHECK(export_tree(repository, repository.git("rev-parse HEAD^{tree}")) == "");
  for (const char* file : {"a.x", "a.y", "a.z"})
    CHECK(core::read_file(repository.dir.path() / "exports/hostile" / file) == "as it is");
  CHECK_FALSE(fs::exists(flag));
}

TEST_CASE("git hostile: line ends and identifiers that attributes ask for are as git makes them") {
  const Repository repository;
  repository.write(".gitattributes", "*.crlf text eol=crlf\n*.id ident\n* text=auto\n");
  repository.write("sub/.gitattributes", "*.crlf -text\n*.sub eol=crlf\n");
  for (const char* file : {"a.crlf", "sub/a.crlf", "sub/a.sub", "a.sub", "plain"})
    repository.write(file, "one\ntwo\n");
  repository.write("a.id", "$Id$\n");
  repository.commit("attributes");
  CHECK(export_tree(repository, repository.git("rev-parse HEAD^{tree}")) == "");
  const fs::path ours = repository.dir.path() / "exports/hostile";
  const fs::path theirs = repository.dir.path() / "theirs";
  repository.git("clone -q . " + theirs.string());
  CHECK(shell(ours, "find . -path ./.git -prune -o -type f -exec sha256sum {} + | sort") ==
        shell(theirs, "find . -path ./.git -prune -o -type f -exec sha256sum {} + | sort"));
  CHECK(shell(ours, "git status --porcelain") == "");
}

TEST_CASE("git hostile: nothing is written through a link of the tree itself") {
  const Repository repository;
  const fs::path outside = repository.make_folder("outside");
  const std::string link = make_blob(repository, outside.string());
  const std::string blob = make_blob(repository, "evil");
  const std::string folder = make_tree(repository, {{"100644", "file", blob}});
  for (const auto& entries :
       {std::vector<Entry>{{"120000", "a", link}, {"40000", "a", folder}},
        std::vector<Entry>{{"40000", "a", folder}, {"120000", "a", link}},
        std::vector<Entry>{{"120000", "A", link}, {"40000", "a", folder}},
        std::vector<Entry>{{"120000", "a", link}, {"100644", "a/file", blob}}}) {
    fs::remove_all(repository.dir.path() / "exports");
    export_tree(repository, make_tree(repository, entries));
    CHECK(fs::is_empty(outside));
  }
}

TEST_CASE("git hostile: a submodule is an empty folder, its address is not followed") {
  const Repository repository;
  repository.write(".gitmodules", "[submodule \"x\"]\n\tpath = x\n\turl = --upload-pack=evil\n");
  repository.git("add -A");
  repository.git("update-index --add --cacheinfo 160000," + std::string(40, '1') + ",x");
  const std::string tree = repository.git("write-tree");
  CHECK(export_tree(repository, tree) == "");
  const fs::path out = repository.dir.path() / "exports/hostile";
  CHECK(fs::is_empty(out / "x"));
  CHECK(shell(out, "git status --porcelain") == "");
}

TEST_CASE("git hostile: a truncated or altered pack is an error, and the mirror stays usable") {
  for (const char* damage : {"truncate -s -300 $pack",
                             "printf XXXX | dd of=$pack bs=1 seek=200 conv=notrunc status=none"}) {
    CAPTURE(damage);
    const Repository repository;
    const std::string good = repository.commit("good");
    Client client(options_for(repository));
    fetch(client, repository);
    shell(repository.source, "for i in $(seq 50); do head -c 2000 /dev/urandom > f$i; done");
    repository.commit("more");
    shell(repository.source,
          "git repack -adq && pack=$(ls .git/objects/pack/*.pack) && chmod +w $pack && cp $pack "
          "../saved && " +
              std::string(damage));
    const core::Error error = error_of([&] { fetch(client, repository); });
    CHECK(error.message.starts_with("fetching '" + repository.source.string() + "': "));
    CHECK(client.call(Resolve{good}, kDeadline).sha == good);
    shell(repository.source, "cp ../saved $(ls .git/objects/pack/*.pack)");
    CHECK(fetch(client, repository).refs.size() == 1);
  }
}

TEST_CASE("git hostile: a file that claims more than the memory allowed is an error") {
  const Repository repository;
  shell(repository.source, "truncate -s 100M zeros");
  const std::string sha = repository.commit("zeros");
  Client client(options_for(repository));
  fetch(client, repository);
  const File file =
      client.call(ReadFile{.sha = sha, .path = "zeros", .max_bytes = 1000}, kDeadline);
  CHECK(file.too_large);
  CHECK(file.size == 100U << 20);
}

TEST_CASE("git hostile: thousands of branches are taken, and are few files") {
  constexpr std::size_t kBranches = 3000;
  const Repository repository;
  const std::string sha = repository.commit("one");
  std::string packed = "# pack-refs with: peeled fully-peeled sorted \n";
  for (std::size_t i = 1; i < kBranches; ++i)
    packed += sha + " refs/heads/b/" + std::to_string(kBranches + i) + "\n";
  core::write_file_atomic(repository.source / ".git/packed-refs", packed);
  Client client(options_for(repository));
  for (const char* which : {"first", "second"}) {
    const auto start = std::chrono::steady_clock::now();
    const RefList list = client.call(Fetch{repository.from(), {}}, kDeadline);
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - start);
    MESSAGE(std::string(which) << " fetch of " << kBranches << " branches: " << took.count()
                               << " ms");
    CHECK(list.refs.size() == kBranches);
  }
  CHECK(shell(repository.mirror, "find refs -type f | wc -l") == "0");
  CHECK(client.call(Resolve{"b/4777"}, kDeadline).sha == sha);
  fs::remove(repository.source / ".git/packed-refs");
  CHECK(client.call(Fetch{repository.from(), {}}, kDeadline).refs.size() == 1);
}

TEST_CASE("git hostile: five thousand files, and git takes the copy's index for current") {
  const Repository repository;
  shell(repository.source,
        "for d in $(seq 50); do mkdir d$d; for f in $(seq 100); do "
        "echo $d $f > d$d/f$f; done; done");
  const std::string sha = repository.commit("many");
  Client client(options_for(repository));
  const auto start = std::chrono::steady_clock::now();
  const fs::path tree = export_to(client, repository, {.sha = sha}, "many");
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - start);
  MESSAGE("fetch and export of 5000 files: " << took.count() << " ms");
  CHECK(shell(tree, "git status --porcelain") == "");
}
