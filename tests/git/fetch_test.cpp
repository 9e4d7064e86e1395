// SPDX-License-Identifier: MIT
#include "tests/git/support.hpp"

#include <algorithm>
#include <csignal>
#include <thread>

using namespace gantry;
using namespace gantry::testing;
using core::Errc;

namespace {

std::string commit_of(const RefList& list, const std::string& name) {
  const auto found = std::find_if(list.refs.begin(), list.refs.end(),
                                  [&](const Ref& ref) { return ref.name == name; });
  return found == list.refs.end() ? "" : found->commit;
}

bool is_clean(const fs::path& mirror) {
  for (const auto& entry : fs::recursive_directory_iterator(mirror)) {
    const std::string name = entry.path().filename();
    if (name == "gantry-fetching" || name.starts_with("pack_git2") || name.starts_with("tmp_")) {
      return false;
    }
    if (name.ends_with(".lock") && name != "gantry.lock") return false;
  }
  return true;
}

}  // namespace

TEST_CASE("git fetch: branches, tags and the pull requests asked for, tags peeled") {
  const Repository repository;
  const std::string one = repository.commit("one");
  repository.git("tag -a v1 -m v1 && git tag light && git update-ref refs/pull/7/merge HEAD");
  repository.git("update-ref refs/pull/8/head HEAD && git update-ref refs/notes/x HEAD");
  repository.git("tag blob $(echo x | git hash-object -w --stdin)");
  Client client(options_for(repository));
  const RefList list = fetch(client, repository, {"refs/pull/7/merge"});
  std::vector<std::string> names;
  for (const Ref& ref : list.refs) {
    names.push_back(ref.name);
    CHECK(ref.commit == one);
  }
  CHECK(names == std::vector<std::string>{"refs/heads/main", "refs/pull/7/merge", "refs/tags/light",
                                          "refs/tags/v1"});
  CHECK(list.default_branch == "refs/heads/main");
}

TEST_CASE(
    "git fetch: forced pushes are followed, deleted branches go, a name may become a folder") {
  const Repository repository;
  const std::string one = repository.commit("one");
  repository.commit("two");
  repository.git("branch topic");
  Client client(options_for(repository));
  fetch(client, repository);
  repository.git("reset -q --hard " + one + " && git branch -D topic && git branch topic/new");
  const RefList list = fetch(client, repository);
  CHECK(commit_of(list, "refs/heads/main") == one);
  CHECK(commit_of(list, "refs/heads/topic").empty());
  CHECK(commit_of(list, "refs/heads/topic/new") == one);
}

TEST_CASE("git fetch: tags on files and folders are no hindrance, now and later") {
  const Repository repository;
  repository.write("folder/file", "text");
  repository.commit("one");
  Client client(options_for(repository));
  fetch(client, repository);
  repository.git("tag blob HEAD:folder/file && git tag tree HEAD:folder");
  repository.git("tag -a -m noted noted HEAD:folder/file && git tag -a -m 2 nested noted");
  CHECK(fetch(client, repository).refs.size() == 1);
  repository.git("tag -f blob $(echo other | git hash-object -w --stdin)");
  const std::string two = repository.commit("two");
  for (int again = 0; again < 2; ++again) {
    const RefList list = fetch(client, repository);
    CHECK(list.refs.size() == 1);
    CHECK(commit_of(list, "refs/heads/main") == two);
  }
  CHECK(client.call(Ensure{repository.from(), {two}, {}}, kDeadline).fetched == false);
  for (const std::string tag : {"blob", "tree", "noted", "nested"}) {
    const core::Error error = error_of([&] { client.call(Resolve{tag}, kDeadline); });
    CHECK(error.code == Errc::invalid);
    CHECK(error.message == "reading ref 'refs/tags/" + tag + "': it leads to no commit");
  }
  CHECK(shell(repository.mirror, "git fsck --full 2>&1").find("error") == std::string::npos);
}

TEST_CASE("git fetch: an empty repository has no refs and no default branch") {
  const Repository repository;
  Client client(options_for(repository));
  const RefList list = fetch(client, repository);
  CHECK(list.refs.empty());
  CHECK(list.default_branch.empty());
}

TEST_CASE("git fetch: file:// is a local source too") {
  const Repository repository;
  repository.commit("one");
  Client client(options_for(repository));
  Source source = repository.from();
  source.url = "file://" + source.url;
  CHECK(client.call(Fetch{source, {}}, kDeadline).refs.size() == 1);
}

TEST_CASE("git fetch: other refs than branches, tags and pull requests are refused") {
  const Repository repository;
  Client client(options_for(repository));
  for (const char* ref : {"refs/heads/x", "refs/pull/7/../../heads/x", "refs/pull//head",
                          "refs/pull/7/other", "refs/pull/7"}) {
    CAPTURE(ref);
    CHECK(error_of([&] { fetch(client, repository, {ref}); }).code == Errc::invalid);
  }
}

TEST_CASE("git fetch: a token does not travel unencrypted") {
  const Repository repository;
  Client client(options_for(repository));
  const Source source{.url = "http://git.example.com/o/r", .token = "secret"};
  const core::Error error = error_of([&] { client.call(Fetch{source, {}}, kDeadline); });
  CHECK(error.code == Errc::denied);
  CHECK(error.message ==
        "fetching 'http://git.example.com/o/r': a token must not travel unencrypted; use https");
}

TEST_CASE("git fetch: a server that is not there is worth another try") {
  const Repository repository;
  ClientOptions options = options_for(repository);
  options.source.url = "http://127.0.0.1:1/o/r";
  Client client(options);
  const core::Error error = error_of([&] { client.call(Fetch{options.source, {}}, kDeadline); });
  CHECK(error.message.starts_with("fetching 'http://127.0.0.1:1/o/r': "));
  CHECK(is_retryable(error.code));
}

TEST_CASE("git ensure: fetches only when a commit is missing, and names the one that stays so") {
  const Repository repository;
  const std::string one = repository.commit("one");
  Client client(options_for(repository));
  CHECK(client.call(Ensure{repository.from(), {one}, {}}, kDeadline).fetched);
  CHECK_FALSE(client.call(Ensure{repository.from(), {one}, {}}, kDeadline).fetched);
  const std::string missing(40, 'a');
  const core::Error error = error_of([&] {
    client.call(Ensure{repository.from(), {one, missing}, {}}, kDeadline);
  });
  CHECK(error.code == Errc::not_found);
  CHECK(error.message == "fetching commit '" + missing + "' from '" + repository.source.string() +
                             "': it is no longer there: no branch, tag or pull request leads to "
                             "it; it may have been replaced by a forced push");
}

TEST_CASE("git ensure: a commit no ref leads to comes from a folder when it is asked for") {
  const Repository repository;
  const std::string one = repository.commit("one");
  repository.write("lost", "lost");
  repository.commit("between");
  const std::string lost = repository.commit("lost");
  repository.git("reset -q --hard " + one);
  Client client(options_for(repository));
  Ensure ensure{.source = repository.from(), .shas = {lost}};
  CHECK(error_of([&] { client.call(ensure, kDeadline); }).code == Errc::not_found);
  ensure.unreferenced = Unreferenced::ask_for;
  CHECK(client.call(ensure, kDeadline).fetched);
  CHECK(client.call(ReadFile{.sha = lost, .path = "lost"}, kDeadline).content == "lost");
  CHECK(fetch(client, repository).refs.size() == 1);
  for (const std::string& missing :
       {std::string(40, 'a'), repository.git("rev-parse HEAD^{tree}")}) {
    ensure.shas = {missing};
    CHECK_FALSE(error_of([&] { client.call(ensure, kDeadline); }).message.empty());
  }
}

TEST_CASE("git fetch: what a killed fetch left behind is cleared") {
  const Repository repository;
  const std::string one = repository.commit("one");
  Client client(options_for(repository));
  fetch(client, repository);
  const fs::path packs = repository.mirror / "objects/pack";
  for (const fs::path& left :
       {repository.mirror / "refs/heads/main.lock", repository.mirror / "packed-refs.lock",
        packs / "pack_git2_abc", packs / ("pack-" + std::string(40, '1') + ".idx"),
        repository.mirror / "gantry-fetching"}) {
    core::write_file_atomic(left, "half");
  }
  const std::string two = repository.commit("two");
  CHECK(commit_of(fetch(client, repository), "refs/heads/main") == two);
  CHECK(is_clean(repository.mirror));
  CHECK(shell(repository.mirror, "git fsck 2>&1").find("error") == std::string::npos);
}

TEST_CASE("git fetch: a mirror whose making was interrupted is made anew") {
  const Repository repository;
  repository.commit("one");
  fs::create_directories(repository.mirror / "objects");
  core::write_file_atomic(repository.mirror / "HEAD", "ref: ");
  Client client(options_for(repository));
  CHECK(fetch(client, repository).refs.size() == 1);
}

TEST_CASE("git fetch: killed at any moment, the next fetch succeeds") {
  const Repository repository;
  shell(repository.source, "for i in $(seq 300); do head -c 20000 /dev/urandom > f$i; done");
  const std::string one = repository.commit("many");
  // The moments: just begun, pack being written, and whatever comes after some milliseconds.
  const auto has_temporary_pack = [&] {
    const fs::path packs = repository.mirror / "objects/pack";
    return fs::exists(packs) && !fs::is_empty(packs);
  };
  for (int round = 0; round < 8; ++round) {
    CAPTURE(round);
    fs::remove_all(repository.mirror);
    fs::create_directories(repository.mirror);
    core::Pipe in = core::make_pipe();
    core::Pipe out = core::make_pipe();
    daemon::os::SpawnOptions options;
    options.argv = {program(), "serve", "--mirror", repository.mirror};
    options.fds = {{in.read.get(), 0}, {out.write.get(), 1}};
    daemon::os::Child child = daemon::os::spawn(options);
    core::write_all(in.write.get(), encode(Request(Fetch{repository.from(), {}})));
    while (!fs::exists(repository.mirror / "gantry-fetching"))
      std::this_thread::yield();
    if (round == 1) {
      while (!has_temporary_pack())
        std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds(round * 7));
    }
    child.kill(SIGKILL);
    child.wait();
    Client client(options_for(repository));
    CHECK(commit_of(fetch(client, repository), "refs/heads/main") == one);
    CHECK(is_clean(repository.mirror));
    CHECK(shell(repository.mirror, "git fsck --full 2>&1").find("error") == std::string::npos);
  }
}
