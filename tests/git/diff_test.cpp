// SPDX-License-Identifier: MIT
#include "tests/git/support.hpp"

using namespace gantry;
using namespace gantry::testing;
using core::Errc;
using Paths = std::vector<std::string>;

namespace {

const std::string kNew(40, '0');

// main: one, two. topic: one, three, four.
struct History : Repository {
  std::string one, two, three, four;
  Client client{options_for(*this)};

  History() {
    write("base", "base");
    write("old name", std::string(1000, 'x'));
    one = commit("one");
    git("checkout -q -b topic");
    write("three", "3");
    three = commit("three");
    git("mv 'old name' 'new name'");
    four = commit("four");
    git("checkout -q main");
    write("two", "2");
    two = commit("two");
    fetch(client, *this);
  }
  Difference diff(const Diff& request) { return client.call(request, kDeadline); }
};

}  // namespace

TEST_CASE("git diff: two dots compare the trees, renames give both names and count once") {
  History history;
  const Difference answer =
      history.diff({.base = history.one, .head = history.four, .mode = DiffMode::two_dot});
  CHECK(answer.paths == Paths{"new name", "old name", "three"});
  CHECK(answer.files == 2);
  CHECK(answer.commits == 2);
  CHECK(answer.base == history.one);
  CHECK(history.diff({.base = history.two, .head = history.four}).paths ==
        Paths{"new name", "old name", "three", "two"});
}

TEST_CASE("git diff: three dots start at the merge base") {
  History history;
  const Difference answer =
      history.diff({.base = history.two, .head = history.four, .mode = DiffMode::three_dot});
  CHECK(answer.paths == Paths{"new name", "old name", "three"});
  CHECK(answer.base == history.one);
}

TEST_CASE("git diff: a new branch is compared with the parent of its oldest commit") {
  History history;
  const Difference answer =
      history.diff({.base = kNew, .head = history.four, .ref = "refs/heads/topic"});
  CHECK(answer.base == history.one);
  CHECK(answer.commits == 2);
  CHECK(answer.paths == Paths{"new name", "old name", "three"});
}

TEST_CASE("git diff: a new branch on a known commit brings nothing") {
  History history;
  history.git("branch other " + history.two);
  fetch(history.client, history);
  const Difference answer =
      history.diff({.base = kNew, .head = history.two, .ref = "refs/heads/other"});
  CHECK(answer.paths.empty());
  CHECK(answer.commits == 0);
}

TEST_CASE("git diff: the first branch is compared with nothing") {
  Repository repository;
  repository.write("a", "a");
  const std::string one = repository.commit("one");
  Client client(options_for(repository));
  fetch(client, repository);
  const Difference answer =
      client.call(Diff{.base = "", .head = one, .ref = "refs/heads/main"}, kDeadline);
  CHECK(answer.base.empty());
  CHECK(answer.paths == Paths{"a"});
  CHECK(answer.commits == 1);
}

TEST_CASE("git diff: only the first files are told, all are counted") {
  Repository repository;
  const std::string one = repository.commit("one");
  shell(repository.source, "for i in $(seq 100 449); do echo $i > f$i; done");
  const std::string two = repository.commit("two");
  Client client(options_for(repository));
  fetch(client, repository);
  const Difference answer = client.call(Diff{.base = one, .head = two}, kDeadline);
  CHECK(answer.files == 350);
  CHECK(answer.paths.size() == 300);
  CHECK(answer.paths.back() == "f399");
}

TEST_CASE("git diff: more than a thousand commits are counted as one more") {
  Repository repository;
  const std::string one = repository.commit("one");
  shell(repository.source,
        "tree=$(git rev-parse HEAD^{tree}); c=$(git rev-parse HEAD); "
        "for i in $(seq 1010); do c=$(git commit-tree -p $c -m $i $tree); done; "
        "git update-ref refs/heads/main $c");
  Client client(options_for(repository));
  fetch(client, repository);
  const std::string head = repository.git("rev-parse main");
  CHECK(client.call(Diff{.base = one, .head = head}, kDeadline).commits == kMaxCountedCommits + 1);
}

TEST_CASE("git diff: a base that is gone or shares no history is said") {
  History history;
  CHECK(error_of([&] { history.diff({.base = std::string(40, 'c'), .head = history.two}); }).code ==
        Errc::not_found);
  history.git("checkout -q --orphan alone");
  const std::string alone = history.commit("alone");
  fetch(history.client, history);
  CHECK(error_of([&] {
          history.diff({.base = history.two, .head = alone, .mode = DiffMode::three_dot});
        }).code == Errc::not_found);
}
