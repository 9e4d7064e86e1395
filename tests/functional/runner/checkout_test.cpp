// SPDX-License-Identifier: MIT
// actions/checkout from a real mirror, by the real gantry-git.
#include "daemon/git/client.hpp"
#include "tests/functional/runner/fixture.hpp"

#include <doctest/doctest.h>

#include <cstdlib>

using namespace gantry;
using proto::Conclusion;
using tests::RunnerJob;

namespace {

// Makes the job's mirror: one commit on main with files. Returns its sha.
std::string make_mirror(const RunnerJob& job) {
  const std::string source = job.message.paths.mirror + ".source";
  const std::string script = "set -e; git init -q -b main '" + source + "'; cd '" + source +
                             "'; echo content > file; mkdir sub; echo more > sub/other; git add .; "
                             "git -c user.name=A -c user.email=a@example.org commit -q -m first";
  REQUIRE(std::system(script.c_str()) == 0);
  daemon::git::ClientOptions options;
  options.program = job.message.paths.git_binary;
  options.mirror = job.message.paths.mirror;
  options.source.url = source;
  daemon::git::Client client(options);
  daemon::git::Fetch fetch;
  fetch.source = options.source;
  const daemon::git::RefList refs = client.call(fetch, std::chrono::minutes(1));
  REQUIRE(refs.refs.size() == 1);
  return refs.refs[0].commit;
}

void set_sha(RunnerJob& job, const std::string& sha) {
  core::expr::Object github = job.message.github.object();
  github.set("sha", sha);
  job.message.github = core::expr::Value(std::move(github));
}

}  // namespace

TEST_CASE("runner: actions/checkout gives the job its commit, as GitHub leaves it") {
  RunnerJob job(R"js(
    {"uses": "actions/checkout@v4", "with": {"unheard-of": "x"}},
    {"run": "cat file sub/other; git rev-parse HEAD; git symbolic-ref HEAD; git remote get-url origin; git status --porcelain; echo changed > file"},
    {"uses": "actions/checkout@v4", "with": {"path": "again"}},
    {"run": "cat again/file; echo ${{ hashFiles('again/*') != '' }}"},
    {"uses": "actions/checkout@v4"},
    {"run": "cat file; ls"})js");
  const std::string sha = make_mirror(job);
  set_sha(job, sha);
  CHECK(job.finish() == 0);
  CAPTURE(job.log_text());
  CHECK(job.completed().conclusion == Conclusion::success);
  CHECK(job.step(2).name == "Run actions/checkout@v4");
  CHECK(job.log_of_step(3).find("content\nmore\n" + sha +
                                "\nrefs/heads/main\nhttps://github.com/owner/project\n") !=
        std::string::npos);
  CHECK(job.log_of_step(5).find("\ncontent\ntrue\n") != std::string::npos);
  CHECK(job.log_of_step(7).find("\ncontent\nfile\nsub\n") != std::string::npos);
  CHECK(job.annotations().at(0).message.starts_with("Unexpected input(s) 'unheard-of'"));
}

TEST_CASE(
    "runner: a commit that is not there, or a path out of the workspace, fails the checkout") {
  RunnerJob job(R"js(
    {"uses": "actions/checkout@v4", "continue-on-error": true},
    {"uses": "actions/checkout@v4", "with": {"path": "../../.."}, "continue-on-error": true},
    {"run": "rm -rf $GITHUB_WORKSPACE; ln -s /tmp $GITHUB_WORKSPACE"},
    {"uses": "actions/checkout@v4"})js");
  make_mirror(job);
  CHECK(job.finish() == 0);
  CHECK(job.step(2).outcome == Conclusion::failure);
  CHECK(job.step(3).outcome == Conclusion::failure);
  CHECK(job.step(5).outcome == Conclusion::failure);
  CHECK(std::filesystem::is_empty(job.folder() / "tmp"));
  for (const auto& annotation : job.annotations())
    MESSAGE(annotation.message);
}
