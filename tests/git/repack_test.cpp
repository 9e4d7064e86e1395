// SPDX-License-Identifier: MIT
#include "tests/git/support.hpp"

#include <set>

using namespace gantry;
using namespace gantry::testing;

namespace {

std::size_t packs_in(const fs::path& mirror) {
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(mirror / "objects/pack"))
    count += entry.path().extension() == ".pack" ? 1 : 0;
  return count;
}

// A mirror fetched commit by commit, so that each leaves a pack.
std::vector<std::string> grow(const Repository& repository, Client& client, int commits) {
  static int number = 0;
  std::vector<std::string> shas;
  for (int i = 0; i < commits; ++i) {
    const std::string name = std::to_string(++number);
    repository.write("file" + name, std::string(1000, 'a') + name);
    shas.push_back(repository.commit("change " + name));
    fetch(client, repository);
  }
  return shas;
}

bool has(const fs::path& mirror, const std::string& sha) {
  return shell(mirror, "git cat-file -e " + sha + " 2>/dev/null && echo yes || echo no") == "yes";
}

}  // namespace

TEST_CASE("git repack: many packs become one, nothing that refs lead to is lost") {
  const Repository repository;
  Client client(options_for(repository));
  const auto shas = grow(repository, client, 5);
  repository.git("tag -a v1 -m v1 && tag_of=$(git rev-parse v1) && git tag -a v2 -m v2 $tag_of");
  fetch(client, repository);
  REQUIRE(packs_in(repository.mirror) > 4);
  CHECK_FALSE(client.call(Repack{}, kDeadline).done);
  const Repacked done = client.call(Repack{.max_packs = 4}, kDeadline);
  CHECK(done.done);
  CHECK(done.packs == 1);
  CHECK(packs_in(repository.mirror) == 1);
  CHECK(shell(repository.mirror, "git fsck --full --strict 2>&1").find("error") ==
        std::string::npos);
  CHECK(shell(repository.mirror, "git rev-list --objects --all | wc -l") ==
        shell(repository.source, "git rev-list --objects --all | wc -l"));
  // The same process goes on with the new pack, and so does a new one.
  CHECK(client.call(Resolve{shas.front()}, kDeadline).sha == shas.front());
  grow(repository, client, 1);
  const fs::path out = export_to(client, repository, {.sha = shas.back()}, "after");
  CHECK(shell(out, "git status --porcelain").empty());
  CHECK_FALSE(client.call(Repack{.max_packs = 4}, kDeadline).done);
}

TEST_CASE("git repack: what forced pushes left goes, but for the commits to keep") {
  const Repository repository;
  Client client(options_for(repository));
  const std::string base = grow(repository, client, 1).front();
  const std::string gone = grow(repository, client, 1).front();
  repository.git("reset -q --hard " + base);
  const std::string kept = grow(repository, client, 2).back();
  repository.git("reset -q --hard " + base);
  grow(repository, client, 2);
  REQUIRE(has(repository.mirror, gone));
  const std::string nowhere(40, '1');
  CHECK(client.call(Repack{.keep = {kept, nowhere}, .max_packs = 1}, kDeadline).done);
  CHECK_FALSE(has(repository.mirror, gone));
  CHECK(has(repository.mirror, kept));
}

TEST_CASE("git repack: only the newest pull requests' refs stay") {
  const Repository repository;
  Client client(options_for(repository));
  grow(repository, client, 2);
  for (int i = 1; i <= 3; ++i) {
    const std::string date = "GIT_COMMITTER_DATE='2026-01-0" + std::to_string(i) + "T00:00:00Z' ";
    shell(repository.source, date + "git commit -q --allow-empty -m pull");
    const std::string ref = "refs/pull/" + std::to_string(i) + "/head";
    repository.git("update-ref " + ref + " HEAD");
    fetch(client, repository, {ref});
  }
  CHECK(client.call(Repack{.max_packs = 1, .max_pulls = 2}, kDeadline).done);
  CHECK(shell(repository.mirror, "git for-each-ref --format='%(refname)' refs/pull") ==
        "refs/pull/2/head\nrefs/pull/3/head");
}

TEST_CASE("git repack: a mirror too large to be packed anew keeps every object in fewer packs") {
  const Repository repository;
  Client client(options_for(repository));
  const std::string base = grow(repository, client, 1).front();
  const std::string gone = grow(repository, client, 1).front();
  repository.git("reset -q --hard " + base);
  grow(repository, client, 3);
  CHECK(client.call(Repack{.max_packs = 1, .whole_below = 1}, kDeadline).done);
  CHECK(packs_in(repository.mirror) == 1);
  CHECK(has(repository.mirror, gone));
  CHECK(shell(repository.mirror, "git fsck --full 2>&1").find("error") == std::string::npos);
}

TEST_CASE("git repack: a mirror that is not there yet has nothing to be packed") {
  const Repository repository;
  Client client(options_for(repository));
  CHECK_FALSE(client.call(Repack{.max_packs = 0}, kDeadline).done);
}
