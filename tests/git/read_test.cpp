// SPDX-License-Identifier: MIT
#include "tests/git/support.hpp"

using namespace gantry;
using namespace gantry::testing;
using core::Errc;

namespace {

const ReadFiles kWorkflows{.folder = ".github/workflows", .suffixes = {".yml", ".yaml"}};

ReadFiles workflows_at(const std::string& sha) {
  ReadFiles request = kWorkflows;
  request.sha = sha;
  return request;
}

}  // namespace

TEST_CASE("git read: workflow files directly in the folder, links and other files left out") {
  const Repository repository;
  repository.write(".github/workflows/b.yaml", "on: push\n");
  repository.write(".github/workflows/a.yml", std::string("\xff\0x", 3));
  repository.write(".github/workflows/readme.md", "no");
  repository.write(".github/workflows/deeper/c.yml", "no");
  fs::create_symlink("../../secret.yml", repository.source / ".github/workflows/link.yml");
  const std::string sha = repository.commit("one");
  Client client(options_for(repository));
  fetch(client, repository);
  const FileList list = client.call(workflows_at(sha), kDeadline);
  REQUIRE(list.files.size() == 2);
  CHECK(list.files[0].name == "a.yml");
  CHECK(list.files[0].content == std::string("\xff\0x", 3));
  CHECK(list.files[1].content == "on: push\n");
  CHECK(list.files[1].size == 9);
  CHECK(list.files[1].blob == repository.git("rev-parse HEAD:.github/workflows/b.yaml"));
  CHECK_FALSE(list.truncated);
}

TEST_CASE("git read: too large and too many are said, not cut silently") {
  const Repository repository;
  repository.write(".github/workflows/a.yml", std::string(2000, 'x'));
  repository.write(".github/workflows/b.yml", "on: push");
  const std::string sha = repository.commit("one");
  Client client(options_for(repository));
  fetch(client, repository);
  ReadFiles request = workflows_at(sha);
  request.max_bytes = 1000;
  request.max_files = 1;
  const FileList list = client.call(request, kDeadline);
  REQUIRE(list.files.size() == 1);
  CHECK(list.files[0].too_large);
  CHECK(list.files[0].size == 2000);
  CHECK(list.files[0].content.empty());
  CHECK(list.truncated);
}

TEST_CASE("git read: a commit without the folder has no workflow files") {
  const Repository repository;
  repository.write(".github", "a file, not a folder");
  const std::string sha = repository.commit("one");
  Client client(options_for(repository));
  fetch(client, repository);
  CHECK(client.call(workflows_at(sha), kDeadline).files.empty());
}

TEST_CASE("git read: one file by path, or why not") {
  const Repository repository;
  repository.write("a/b.txt", "text");
  fs::create_symlink("/etc/passwd", repository.source / "link");
  const std::string sha = repository.commit("one");
  Client client(options_for(repository));
  fetch(client, repository);
  CHECK(client.call(ReadFile{sha, "a/b.txt"}, kDeadline).content == "text");
  const auto code = [&](const std::string& path) {
    return error_of([&] { client.call(ReadFile{sha, path}, kDeadline); }).code;
  };
  CHECK(code("a/c.txt") == Errc::not_found);
  CHECK(code("../b.txt") == Errc::not_found);
  CHECK(code("link") == Errc::invalid);
  CHECK(code("a") == Errc::invalid);
}

TEST_CASE("git resolve: shas, full refs, branches before tags; annotated tags are peeled") {
  const Repository repository;
  const std::string one = repository.commit("one");
  repository.git("tag -a v1 -m v1 && git tag main2 && git tag main");
  const std::string tag_object = repository.git("rev-parse v1^{tag}");
  const std::string two = repository.commit("two");
  Client client(options_for(repository));
  fetch(client, repository);
  const auto sha_of = [&](const std::string& rev) {
    return client.call(Resolve{rev}, kDeadline).sha;
  };
  CHECK(sha_of("main") == two);
  CHECK(sha_of("refs/tags/main") == one);
  CHECK(sha_of("v1") == one);
  CHECK(sha_of(tag_object) == one);
  const Commit commit = client.call(Resolve{two}, kDeadline);
  CHECK(commit.parents == std::vector<std::string>{one});
  CHECK(commit.author_name == "Ann");
  CHECK(commit.author_email == "ann@example.com");
  CHECK(commit.message == "two\n");
  CHECK(commit.tree == repository.git("rev-parse HEAD^{tree}"));
  CHECK(client.call(Resolve{"v1"}, kDeadline).ref == "refs/tags/v1");
  for (const char* rev : {"nope", "HEAD~1", "main^", "", "refs/heads/", "../config"}) {
    CAPTURE(rev);
    CHECK(error_of([&] { sha_of(rev); }).code == Errc::not_found);
  }
}

TEST_CASE("git read: an unknown commit and a mirror without content are said") {
  const Repository repository;
  repository.commit("one");
  Client client(options_for(repository));
  CHECK(error_of([&] { client.call(Resolve{"main"}, kDeadline); }).message ==
        "opening mirror '" + repository.mirror.string() +
            "': nothing has been fetched yet; fetch it first");
  fetch(client, repository);
  const std::string sha(40, 'b');
  CHECK(error_of([&] { client.call(workflows_at(sha), kDeadline); }).message ==
        "looking for commit '" + sha + "' in mirror '" + repository.mirror.string() +
            "': no such commit");
  CHECK(error_of([&] { client.call(workflows_at("main"), kDeadline); }).code == Errc::invalid);
}
